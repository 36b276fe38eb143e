# SPDX-License-Identifier: Apache-2.0
"""Plain Python of the constrain family: integer masses, the walk, the estimators of one step."""
