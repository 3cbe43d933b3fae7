// Reads what is in a directory off the page that a web server makes for it: nginx's autoindex,
// Apache's (fancy and plain), Python's http.server, and what looks like them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::objectstore {

struct IndexPage {
  std::string_view host;  // "example.com:8000", as in links that name it
  std::string_view path;  // of the directory, percent-encoded, ending with '/'
};

// The names that links (<a href>) on the page lead to directly below the directory, decoded, those
// of directories with '/' at the end; sorted, each once. Left out: links to elsewhere, to deeper
// places and upward, with a query (they sort the page), and names that no path can have ("", ".",
// "..", with '/' or NUL in them). kTooLarge beyond `limit` names.
Result<std::vector<std::string>> ParseIndex(std::string_view html, const IndexPage& page,
                                            size_t limit);

}  // namespace leat::objectstore
