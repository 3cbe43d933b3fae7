#include <algorithm>

#include "api/status.h"
#include "apiserver/verbs.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

constexpr size_t kBatch = 500;  // entries looked at per step when a selector leaves some out

// A continue token: the first page's revision and the last key it gave, opaque to clients.
struct Continuation {
  store::Revision revision = 0;
  store::Key after;
};

std::string PrintToken(const Continuation& token) {
  return Base64Encode(json::Print(
      json::Object({{"rv", token.revision}, {"ns", token.after.ns}, {"name", token.after.name}})));
}

Result<Continuation> ParseToken(const std::string& text, const std::string& type) {
  const Error bad{Code::kInvalid, "continue key is not valid: start the list again without it"};
  auto decoded = Base64Decode(text);
  if (!decoded) return bad;
  auto token = json::Parse(*decoded, 4096);
  if (!token || (*token)["rv"].AsInt() <= 0 || (*token)["name"].AsString().empty()) return bad;
  return Continuation{(*token)["rv"].AsInt(), {type, (*token)["ns"].Str(), (*token)["name"].Str()}};
}

Status CheckRevision(const ListRequest& request, store::Revision current) {
  if (request.resource_version.empty() || request.resource_version == "0") return {};
  auto revision = ParseRevision(request.resource_version);
  if (!revision) return revision.error();
  if (*revision > current) {
    return Error{Code::kTimeout, "Too large resource version: " + request.resource_version +
                                     ", current: " + std::to_string(current)};
  }
  if (request.exact && *revision != current) {
    return Error{Code::kExpired,
                 "The provided resource version is too old: only the newest state "
                 "is kept for lists"};
  }
  return {};
}

}  // namespace

Result<store::EntryPtr> Verbs::Get(const Target& target) const {
  auto entry = store_.Get(target.Key());
  if (!entry) return api::NotFoundError(target.StorageName(), target.name);
  return *entry;
}

// A list of metadata.name=x in one namespace is a get. The revision is read first: a watch from it
// may repeat the object's newest change, but cannot miss one.
Result<Page> Verbs::ListOne(const Target& target, const ListRequest& request,
                            const std::string& name) const {
  Page page;
  page.revision = store_.CurrentRevision();
  auto entry = store_.Get({target.StorageName(), target.ns, name});
  if (entry && request.selection.Matches((*entry)->value)) page.entries.push_back(*entry);
  return page;
}

Result<Page> Verbs::List(const Target& target, const ListRequest& request) const {
  const std::string name = request.selection.fields.RequiredName();
  if (auto ok = CheckRevision(request, store_.CurrentRevision()); !ok) return ok.error();
  if (!name.empty() && (!target.type->namespaced || !target.ns.empty())) {
    return ListOne(target, request, name);
  }
  store::ListOptions options{.type = target.StorageName()};
  if (target.type->namespaced && !target.ns.empty()) options.ns = target.ns;
  Page page;
  if (!request.continue_token.empty()) {
    auto token = ParseToken(request.continue_token, options.type);
    if (!token) return token.error();
    page.revision = token->revision;
    options.after = token->after;
  }
  const bool all = request.selection.empty();
  if (request.limit > 0) options.limit = all ? request.limit : std::max(request.limit, kBatch);
  while (true) {
    store::Listing listing = store_.List(options);
    if (page.revision == 0) page.revision = listing.revision;
    for (size_t i = 0; i < listing.entries.size(); ++i) {
      store::EntryPtr& entry = listing.entries[i];
      options.after = entry->key;
      if (!all && !request.selection.Matches(entry->value)) continue;
      page.entries.push_back(std::move(entry));
      if (request.limit == 0 || page.entries.size() < request.limit) continue;
      if (i + 1 < listing.entries.size() || listing.more) {
        page.continue_token = PrintToken({page.revision, options.after});
        if (all) page.remaining = listing.remaining;
      }
      return page;
    }
    if (!listing.more || listing.entries.empty()) return page;
  }
}

}  // namespace leat::apiserver
