# SPDX-License-Identifier: Apache-2.0
"""Every trap of the tensor reader, through ``_cpu._test_sum`` (float32[rows?, n] in, float32[rows?] out)."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tokops import _cpu

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")


def row_sums(x, out=None):
    if out is None:
        out = np.full(x.shape[:-1], -1.0, np.float32)
    _cpu._test_sum(x, out)
    return out


def refused(kind, pattern, x, out=None):
    if out is None:
        out = np.full(3, -1.0, np.float32)
    with pytest.raises(kind, match=pattern) as info:
        _cpu._test_sum(x, out)
    if isinstance(out, np.ndarray) and out.dtype == np.float32:
        assert (out == -1.0).all(), "a refused call must leave its output alone"
    return info.value


X = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_numpy_floats_are_read_exactly(dtype):
    np.testing.assert_array_equal(row_sums(X.astype(dtype)), X.sum(axis=1))


def test_bfloat16_arrays_of_ml_dtypes_are_read():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    np.testing.assert_array_equal(row_sums(X.astype(ml_dtypes.bfloat16)), X.sum(axis=1))


def test_rows_may_have_any_stride():
    np.testing.assert_array_equal(row_sums(X[::2]), X[::2].sum(axis=1))
    np.testing.assert_array_equal(row_sums(X[::-1]), X[::-1].sum(axis=1))
    np.testing.assert_array_equal(row_sums(np.broadcast_to(X[0], (5, 4))), np.full(5, 6.0))


def test_leading_axis_may_be_absent():
    np.testing.assert_array_equal(row_sums(X[1], np.zeros((), np.float32)), X[1].sum())
    refused(ValueError, r"must be float32\[rows\?\], got float32\[3\]", X[1])


def test_memoryview_and_zero_sizes_are_read():
    np.testing.assert_array_equal(row_sums(memoryview(X), np.zeros(3, np.float32)), X.sum(axis=1))
    np.testing.assert_array_equal(row_sums(np.zeros((3, 0), np.float32)), np.zeros(3))
    assert row_sums(np.zeros((0, 4), np.float32)).shape == (0,)


@pytest.mark.parametrize("bad", [None, 3, "text", [[1.0]], (1.0,), object(), np.ndarray, X.tolist()])
def test_what_is_no_array_is_a_type_error(bad):
    error = refused(
        TypeError, r"core.test_sum: argument 'x' must be float32, float16 or bfloat16\[rows\?, n\], got", bad
    )
    assert not isinstance(error, AttributeError)


def test_objects_that_only_look_like_arrays_are_a_type_error():
    class HasShape:
        shape = (3, 4)
        dtype = "float32"

    class Raises:
        @property
        def shape(self):
            raise RuntimeError("no shape for you")

        def __dlpack__(self, **_):
            raise RuntimeError("no export for you")

    refused(TypeError, "'x'", HasShape())
    error = refused(TypeError, "'x'", Raises())
    assert "no export for you" in str(error.__cause__)


@pytest.mark.parametrize(
    "dtype", ["float64", "int64", "bool", "complex64", ">f4", "datetime64[s]", "object", "f4,f4"]
)
def test_other_dtypes_are_a_type_error(dtype):
    refused(TypeError, r"'x' must be float32", np.zeros((3, 4), dtype))


def test_masked_arrays_are_a_type_error():
    refused(TypeError, "'x'", np.ma.masked_array(X, mask=X > 3))


def test_wrong_rank_is_a_value_error():
    refused(ValueError, r"got float32\[1, 3, 4\]", X[None])
    refused(ValueError, r"got float32\[\]", np.zeros((), np.float32))
    refused(ValueError, "'x'", np.zeros((1,) * 9, np.float32))


def test_strided_last_axis_is_refused_with_advice():
    refused(ValueError, r"unit stride along its last axis; call .contiguous\(\)", np.asfortranarray(X))
    refused(ValueError, "unit stride", np.zeros((3, 8), np.float32)[:, ::2])


def test_unaligned_memory_is_a_value_error():
    raw = np.zeros(3 * 4 * 4 + 1, np.uint8)
    refused(ValueError, "aligned|multiple of its item size", raw[1:].view(np.float32).reshape(3, 4))


def test_outputs_must_fit():
    refused(
        ValueError,
        r"'out' must be float32\[rows\?\] with rows = 3, got float32\[2\]",
        X,
        np.full(2, -1, np.float32),
    )
    refused(TypeError, "'out' must be float32", X, np.zeros(3, np.float64))
    refused(ValueError, "contiguous", X, np.full(6, -1, np.float32)[::2])
    frozen = np.full(3, -1.0, np.float32)
    frozen.flags.writeable = False
    refused(ValueError, "'out' is read-only", X, frozen)


def test_missing_outputs_are_told_after_the_arguments():
    with pytest.raises(_cpu.MissingOutput):
        _cpu._test_sum(X, None)
    with pytest.raises(TypeError, match="'x'"):
        _cpu._test_sum("text", None)


def test_overlap_of_output_and_input_is_refused():
    shared = np.zeros(16, np.float32)
    with pytest.raises(ValueError, match="'out' must not overlap argument 'x'"):
        _cpu._test_sum(shared[:12].reshape(3, 4), shared[10:13])
    _cpu._test_sum(shared[:12].reshape(3, 4), shared[12:15])


def test_dlpack_objects_are_read_and_read_only_ones_not_written():
    class Wrapped:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **keywords):
            return self.array.__dlpack__(**keywords)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    class Old(Wrapped):
        def __dlpack__(self):
            return self.array.__dlpack__()

    for kind in (Wrapped, Old):
        np.testing.assert_array_equal(row_sums(kind(X), np.zeros(3, np.float32)), X.sum(axis=1))
    out = np.full(3, -1.0, np.float32)
    row_sums(X, Wrapped(out))
    np.testing.assert_array_equal(out, X.sum(axis=1))
    out.flags.writeable = False
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
        refused(ValueError, "read-only", X, Wrapped(out))


def test_an_output_that_is_exported_as_a_copy_is_refused():
    class Copies:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **keywords):
            return self.array.__dlpack__(**{**keywords, "copy": True})

    if np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("this numpy does not mark copies")
    refused(ValueError, "exported as a copy", X, Copies(np.zeros(3, np.float32)))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_interrupts_of_an_export_pass_through(kind):
    class Raises:
        def __dlpack__(self, **keywords):
            raise kind

    with pytest.raises(kind):
        _cpu._test_sum(Raises(), np.zeros(3, np.float32))


@needs_torch
@pytest.mark.filterwarnings("ignore")
class TestTorch:
    def test_tensors_are_read(self):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            out = torch.zeros(3)
            _cpu._test_sum(torch.from_numpy(X).to(dtype), out)
            assert out.tolist() == X.sum(axis=1).tolist()

    def test_storage_offset_is_applied(self):
        out = torch.zeros(2)
        _cpu._test_sum(torch.from_numpy(X)[1:], out)
        assert out.tolist() == X[1:].sum(axis=1).tolist()

    def test_negative_bit_is_resolved(self):
        z = torch.complex(torch.zeros(3, 4), torch.from_numpy(X.copy())).conj()
        negated = torch.imag(z)[:, :]
        assert negated.is_neg()
        out = torch.zeros(3)
        if negated.stride(-1) == 1:
            _cpu._test_sum(negated, out)
        view = torch._neg_view(torch.from_numpy(X.copy()))
        _cpu._test_sum(view, out)
        assert out.tolist() == (-X.sum(axis=1)).tolist()
        with pytest.raises(ValueError, match="negative bit"):
            _cpu._test_sum(torch.from_numpy(X), torch._neg_view(torch.zeros(3)))

    def test_complex_and_conjugate_are_a_type_error(self):
        refused(TypeError, "'x'", torch.zeros(3, 4, dtype=torch.complex64))
        refused(TypeError, "'x'", torch.zeros(3, 4, dtype=torch.complex64).conj())

    def test_emptied_storage_is_a_type_error(self):
        x = torch.zeros(3, 4)
        x.untyped_storage().resize_(0)
        refused(TypeError, "has no storage", x)

    def test_tensors_without_strided_memory_are_a_type_error(self):
        refused(TypeError, "'x'", torch.zeros(3, 4).to_sparse())
        refused(TypeError, "'x'", torch.zeros(3, 4).to_sparse_csr())
        refused(TypeError, "'x'", torch.zeros(3, 4, device="meta"))
        refused(TypeError, "'x'", torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]))
        refused(TypeError, "'x'", torch.quantize_per_tensor(torch.zeros(3, 4), 0.1, 0, torch.quint8))

    def test_vmapped_tensors_are_a_type_error(self):
        def body(x):
            refused(TypeError, "'x'", x)
            return x

        torch.vmap(body)(torch.zeros(2, 3, 4))

    def test_fake_tensors_are_a_type_error(self):
        from torch._subclasses.fake_tensor import FakeTensorMode

        with FakeTensorMode() as mode:
            fake = mode.from_tensor(torch.zeros(3, 4))
        refused(TypeError, "'x'", fake)

    def test_outputs_that_require_grad_are_refused(self):
        refused(ValueError, "requires grad", torch.from_numpy(X), torch.zeros(3, requires_grad=True))

    def test_parameters_and_inference_tensors_are_read(self):
        out = torch.zeros(3)
        _cpu._test_sum(torch.nn.Parameter(torch.from_numpy(X.copy())), out)
        with torch.inference_mode():
            _cpu._test_sum(torch.from_numpy(X), torch.zeros(3))
        assert out.tolist() == X.sum(axis=1).tolist()

    def test_sizes_that_overflow_are_refused(self):
        try:
            huge = torch.zeros(1).expand(2**31, 2**31)[:, :1].expand(2**31, 2**31)
        except RuntimeError:
            pytest.skip("this torch refuses to make such a tensor")
        refused(ValueError, "overflows", huge)

    def test_numpy_and_torch_may_be_mixed(self):
        out = np.zeros(3, np.float32)
        _cpu._test_sum(torch.from_numpy(X), out)
        np.testing.assert_array_equal(out, X.sum(axis=1))


def test_views_keep_their_memory_alive_for_the_call_only():
    x = np.ones((3, 4), np.float32)
    row_sums(x)
    x.resize((3, 4), refcheck=False)  # a leaked Py_buffer would make numpy refuse
    buffer = bytearray(48)
    _cpu._test_sum((ctypes.c_float * 4 * 3).from_buffer(buffer), np.zeros(3, np.float32))
    buffer.extend(b"x")  # BufferError when the export is still held
