// SPDX-License-Identifier: Apache-2.0
// bpe::Merger on random vocabularies of a small alphabet against the definition: join the pair of lowest priority,
// leftmost on ties, until none joins. Pieces from one byte to beyond the length where the heap takes over.
#include "bpe/merge.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpe/vocabulary.h"
#include "check.h"

namespace tokops {
namespace {

using bpe::TokenId;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// Tokens of 1 to 4 letters, each the join of two earlier ones; ids in a random order.
struct Drawn {
  std::vector<TokenId> tokens;
  Pairs merges;
};

Drawn draw_vocabulary(test::Random& random) {
  Drawn made;
  std::map<std::string, uint32_t> known;
  for (char letter = 'a'; letter < 'd'; ++letter) {
    known.emplace(std::string(1, letter), 0);
  }
  const int64_t wanted = random.between(0, 40);
  for (int64_t i = 0; i < wanted; ++i) {
    const auto pick = [&] { return std::next(known.begin(), random.between(0, std::ssize(known) - 1))->first; };
    const std::string left = pick();
    const std::string right = pick();
    if (left.size() + right.size() <= 6 && known.emplace(left + right, 0).second) {
      made.merges.emplace_back(left, right);
    }
  }
  uint32_t id = 0;
  for (auto& [bytes, unused] : known) {
    made.tokens.push_back({bytes, id++});
  }
  for (std::size_t i = made.tokens.size(); i > 1; --i) {
    std::swap(made.tokens[i - 1].id,
              made.tokens[static_cast<std::size_t>(random.between(0, static_cast<int64_t>(i) - 1))].id);
  }
  return made;
}

std::string draw_piece(test::Random& random) {
  std::string piece;
  const int64_t length = random.between(1, random.between(0, 3) == 0 ? 300 : 50);
  const int64_t letters = random.between(1, 3);
  for (int64_t i = 0; i < length; ++i) {
    piece.push_back(static_cast<char>('a' + random.between(0, letters - 1)));
  }
  return piece;
}

// Priority of joining two parts, or -1.
using Priority = std::function<int64_t(const std::string&, const std::string&)>;

std::vector<std::string> merge_by_definition(const std::string& piece, const Priority& priority) {
  std::vector<std::string> parts;
  for (const char letter : piece) {
    parts.emplace_back(1, letter);
  }
  for (;;) {
    int64_t best = -1;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const int64_t rank = priority(parts[i], parts[i + 1]);
      if (rank >= 0 && (best < 0 || rank < best)) {
        best = rank;
        at = i;
      }
    }
    if (best < 0) {
      return parts;
    }
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

void check_merge(test::Random& random, const bpe::Vocabulary& vocabulary, const std::map<std::string, uint32_t>& ids,
                 const Priority& priority) {
  bpe::Merger merger(vocabulary, random.between(0, 1) == 0 ? 0 : 4096);  // with and without memory
  for (int piece_number = 0; piece_number < 4; ++piece_number) {
    const std::string piece = draw_piece(random);
    std::vector<uint32_t> numbers;
    const auto* data = reinterpret_cast<const uint8_t*>(piece.data());
    TOKOPS_CHECK_EQ(merger.merge({data, piece.size()}, numbers), int64_t{-1});
    const auto wanted = merge_by_definition(piece, priority);
    TOKOPS_CHECK_EQ(numbers.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      TOKOPS_CHECK_EQ(vocabulary.id(numbers[i]), ids.at(wanted[i]));
    }
  }
}

std::map<std::string, uint32_t> ids_of(const std::vector<TokenId>& tokens) {
  std::map<std::string, uint32_t> ids;
  for (const TokenId& token : tokens) {
    ids.emplace(token.bytes, token.id);
  }
  return ids;
}

TOKOPS_FUZZ(merge_by_ranks_against_the_definition) {
  const Drawn drawn = draw_vocabulary(random);
  const auto ids = ids_of(drawn.tokens);
  check_merge(random, bpe::Vocabulary(drawn.tokens, {}), ids, [&](const std::string& a, const std::string& b) {
    const auto found = ids.find(a + b);
    return found == ids.end() ? int64_t{-1} : static_cast<int64_t>(found->second);
  });
}

TOKOPS_FUZZ(merge_by_list_against_the_definition) {
  const Drawn drawn = draw_vocabulary(random);
  check_merge(random, bpe::Vocabulary(drawn.tokens, {}, drawn.merges), ids_of(drawn.tokens),
              [&](const std::string& a, const std::string& b) {
                const auto found = std::find(drawn.merges.begin(), drawn.merges.end(), std::make_pair(a, b));
                return found == drawn.merges.end() ? int64_t{-1} : static_cast<int64_t>(found - drawn.merges.begin());
              });
}

TOKOPS_ENTRY(merge_1000_letters) {
  struct State {
    std::unique_ptr<bpe::Vocabulary> vocabulary;
    std::string piece;
    std::vector<uint32_t> tokens;
  };
  auto state = std::make_shared<State>();
  test::Random random(3, 0);
  state->vocabulary = std::make_unique<bpe::Vocabulary>(draw_vocabulary(random).tokens, std::vector<TokenId>{});
  for (int i = 0; i < 1000; ++i) {
    state->piece.push_back(static_cast<char>('a' + random.between(0, 2)));
  }
  return [state] {
    bpe::Merger merger(*state->vocabulary);
    const auto* data = reinterpret_cast<const uint8_t*>(state->piece.data());
    TOKOPS_CHECK_EQ(merger.merge({data, state->piece.size()}, state->tokens), int64_t{-1});
  };
}

}  // namespace
}  // namespace tokops
