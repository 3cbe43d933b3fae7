// ListOptions: what a list, a watch or a deletion of a collection is about, by Kubernetes' rules
// for which options may stand beside each other.
#include <algorithm>

#include "api/field_errors.h"
#include "apiserver/query_values.h"
#include "apiserver/request_options.h"
#include "base/ids.h"

namespace leat::apiserver {
namespace {

constexpr std::string_view kExact = "Exact";
constexpr std::string_view kNotOlderThan = "NotOlderThan";

// The options as they came, before they are known to fit together.
struct ListOptions {
  std::string resource_version;
  std::string match;  // resourceVersionMatch
  std::string continue_token;
  std::optional<bool> send_initial_events;
  int64_t limit = 0;            // 0 or less: none
  int64_t timeout_seconds = 0;  // 0 or less: none
};

Result<ListOptions> Read(const net::Query& query) {
  auto limit = ReadNumber(query, "limit");
  if (!limit) return limit.error();
  auto timeout = ReadNumber(query, "timeoutSeconds");
  if (!timeout) return timeout.error();
  return ListOptions{.resource_version = std::string(query.Get("resourceVersion")),
                     .match = std::string(query.Get("resourceVersionMatch")),
                     .continue_token = std::string(query.Get("continue")),
                     .send_initial_events = ReadSwitch(query, "sendInitialEvents"),
                     .limit = limit->value_or(0),
                     .timeout_seconds = timeout->value_or(0)};
}

std::vector<api::FieldError> CheckList(const ListOptions& options) {
  std::vector<api::FieldError> errors;
  const auto forbid_match = [&](std::string_view detail) {
    errors.push_back(api::Forbidden("resourceVersionMatch", detail));
  };
  if (!options.match.empty()) {
    if (options.resource_version.empty()) {
      forbid_match("resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if (!options.continue_token.empty()) {
      forbid_match("resourceVersionMatch is forbidden when continue is provided");
    }
    if (options.match != kExact && options.match != kNotOlderThan) {
      errors.push_back(
          api::NotSupported("resourceVersionMatch", options.match, {kExact, kNotOlderThan, ""}));
    }
    if (options.match == kExact && options.resource_version == "0") {
      forbid_match("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
  }
  if (options.send_initial_events) {
    errors.push_back(
        api::Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  return errors;
}

std::vector<api::FieldError> CheckWatch(const ListOptions& options) {
  std::vector<api::FieldError> errors;
  const auto forbid_match = [&](std::string_view detail) {
    errors.push_back(api::Forbidden("resourceVersionMatch", detail));
  };
  if (options.send_initial_events && options.match != kNotOlderThan) {
    forbid_match("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  }
  if (options.match.empty()) return errors;
  if (!options.send_initial_events) {
    forbid_match(
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  }
  if (options.match != kNotOlderThan) {
    errors.push_back(api::NotSupported("resourceVersionMatch", options.match, {kNotOlderThan}));
  }
  if (!options.continue_token.empty()) {
    forbid_match("resourceVersionMatch is forbidden when continue is provided");
  }
  return errors;
}

bool NamesRevision(const ListOptions& options) {
  return !options.resource_version.empty() && options.resource_version != "0";
}

// Watches that began together should not end together.
std::chrono::seconds DefaultWatchTimeout() {
  const std::string random = RandomBytes(2);
  const unsigned jitter =
      static_cast<unsigned char>(random[0]) * 256u + static_cast<unsigned char>(random[1]);
  return std::chrono::seconds(1800 + jitter % 1800);
}

}  // namespace

Result<ListRequest> ReadListRequest(const net::Query& query, const api::Type& type, Call& call) {
  auto options = Read(query);
  if (!options) return options.error();
  if (auto errors = CheckList(*options); !errors.empty()) {
    return RefuseOptions(call, "ListOptions", errors);
  }
  auto selection = Selection::Parse(type, query.Get("labelSelector"), query.Get("fieldSelector"));
  if (!selection) return selection.error();
  const bool continued = !options->continue_token.empty();
  if (continued && NamesRevision(*options)) {
    return Error{Code::kInvalid, "specifying resource version is not allowed when using continue"};
  }
  ListRequest request{.selection = std::move(*selection)};
  request.limit = static_cast<size_t>(std::max<int64_t>(options->limit, 0));
  // As Kubernetes has it from the time before resourceVersionMatch: the first page of a list from a
  // revision shows just that one.
  request.exact = options->match == kExact ||
                  (options->match.empty() && request.limit > 0 && NamesRevision(*options));
  if (!continued) request.resource_version = std::move(options->resource_version);
  request.continue_token = std::move(options->continue_token);
  return request;
}

Result<WatchRequest> ReadWatchRequest(const net::Query& query, const Rendering& rendering,
                                      Call& call) {
  auto options = Read(query);
  if (!options) return options.error();
  if (auto errors = CheckWatch(*options); !errors.empty()) {
    return RefuseOptions(call, "ListOptions", errors);
  }
  auto selection = Selection::Parse(*rendering.target.type, query.Get("labelSelector"),
                                    query.Get("fieldSelector"));
  if (!selection) return selection.error();
  constexpr int64_t kLongest = 24 * 3600;
  WatchRequest request{.rendering = rendering, .selection = std::move(*selection)};
  request.resource_version = std::move(options->resource_version);
  request.bookmarks = IsOn(query, "allowWatchBookmarks");
  request.send_initial_events = options->send_initial_events;
  request.timeout = options->timeout_seconds > 0
                        ? std::chrono::seconds(std::min(options->timeout_seconds, kLongest))
                        : DefaultWatchTimeout();
  return request;
}

}  // namespace leat::apiserver
