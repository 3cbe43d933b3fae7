// Listing: keys in byte order, those that share a prefix up to the delimiter rolled up into one
// entry. A rolled-up prefix is skipped with one seek, however many keys it holds.
#include <fmt/format.h>

#include "awsserver/object_index.h"
#include "awsserver/object_rows.h"

namespace leat::awsserver {
namespace {

// The common prefix that the key belongs to, or "".
std::string CommonPrefix(std::string_view key, const ListQuery& query) {
  if (query.delimiter.empty() || key.size() < query.prefix.size()) return "";
  const size_t found = key.find(query.delimiter, query.prefix.size());
  if (found == std::string_view::npos) return "";
  return std::string(key.substr(0, found + query.delimiter.size()));
}

// Where to start reading: the first key to look at, and whether that key itself counts.
struct Start {
  std::string key;
  bool inclusive = false;
};

Start FirstKey(const ListQuery& query) {
  if (query.after < query.prefix || query.after.empty()) return {query.prefix, true};
  const bool is_prefix =
      query.after_is_resumption && CommonPrefix(query.after, query) == query.after;
  if (is_prefix) return {AfterPrefix(query.after), true};
  return {query.after, false};
}

constexpr char kSelect[] =
    "SELECT {} FROM objects WHERE bucket = ?1 AND key {} ?2 AND (?3 = x'' OR key < ?3) "
    "ORDER BY key LIMIT ?4";

}  // namespace

Result<ListPage> ObjectIndex::List(const std::string& bucket, const ListQuery& query) {
  ListPage page;
  if (query.limit == 0) return page;
  static const std::string kFrom = fmt::format(kSelect, kObjectColumns, ">=");
  static const std::string kAfter = fmt::format(kSelect, kObjectColumns, ">");
  const std::string end = AfterPrefix(query.prefix);
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    Start start = FirstKey(query);
    size_t entries = 0;
    while (true) {
      db::Statement& find = connection.Prepare(start.inclusive ? kFrom : kAfter);
      find.Bind(1, bucket).BindBlob(2, start.key).BindBlob(3, end);
      find.Bind(4, static_cast<int64_t>(query.limit - entries + 1));
      std::string rolled_up;
      while (rolled_up.empty()) {
        const auto row = find.Step();
        if (!row) return row.error();
        if (!*row) return {};
        if (entries == query.limit) {
          page.truncated = true;
          return {};
        }
        ++entries;
        rolled_up = CommonPrefix(find.Blob(1), query);
        page.last = rolled_up.empty() ? std::string(find.Blob(1)) : rolled_up;
        if (rolled_up.empty()) page.objects.push_back(ReadObject(find));
      }
      page.common_prefixes.push_back(rolled_up);
      start = {AfterPrefix(rolled_up), true};
      if (start.key.empty()) return {};
    }
  });
  if (!read) return read.error();
  return page;
}

}  // namespace leat::awsserver
