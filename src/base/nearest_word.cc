#include "base/nearest_word.h"

#include <algorithm>
#include <vector>

namespace leat {
namespace {

// Distance of optimal string alignment; `rows[i][j]` is that of the first i and j letters.
size_t Slips(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> rows(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t wrong = a[i - 1] == b[j - 1] ? 0 : 1;
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + wrong});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

std::string NearestWord(std::string_view typed, std::span<const std::string> words) {
  constexpr size_t kLongest = 64;  // nobody mistypes more
  if (typed.size() > kLongest) return "";
  std::string nearest;
  size_t fewest = std::max<size_t>(2, typed.size() / 3) + 1;
  for (const std::string& word : words) {
    const size_t slips = Slips(typed, word);
    // All letters wrong is another word.
    if (slips >= fewest || slips >= std::max(typed.size(), word.size())) continue;
    fewest = slips;
    nearest = word;
  }
  return nearest;
}

}  // namespace leat
