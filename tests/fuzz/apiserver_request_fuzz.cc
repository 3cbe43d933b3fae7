// What the API server reads of a request before it knows who sends it: method, path and query, then
// the Accept and Content-Type headers, then the body.
//
// Input: the five as lines; the body is what is left.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "apiserver/content.h"
#include "apiserver/request.h"
#include "base/result.h"
#include "base/strings.h"

using namespace leat;

namespace {

std::string_view Line(std::string_view& input) {
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view method = Line(input);
  const std::string_view path = Line(input);
  const std::string_view query = Line(input);
  const std::string_view accept = Line(input);
  const std::string_view content_type = Line(input);

  auto info = apiserver::ParseRequest(method, path, net::Query::Parse(query));
  if (info) {
    LEAT_CHECK(info->path.starts_with('/'), "a path is absolute");
    // Only a resource has parts, and what it lacks cannot have a subresource.
    LEAT_CHECK(!info->is_resource || !info->gvr.resource.empty(), "a resource has a type");
    LEAT_CHECK(info->subresource.empty() || !info->name.empty(), "a subresource has an owner");
  }
  const auto forms = apiserver::AcceptedForms(accept);
  LEAT_CHECK(forms.size() <= Split(accept, ',').size(), "at most one form a media range");
  (void)apiserver::AcceptsType(accept, "application/yaml");
  auto decoded = apiserver::DecodeBody(content_type, input);
  if (decoded) (void)json::Print(decoded->value);
  return 0;
}
