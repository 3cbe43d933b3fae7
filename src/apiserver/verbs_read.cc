#include "api/status.h"
#include "apiserver/verbs.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

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

// The revision that the request names, 0 for none.
Result<store::Revision> RevisionOf(const ListRequest& request, store::Revision current) {
  if (request.resource_version.empty() || request.resource_version == "0") return 0;
  auto revision = ParseRevision(request.resource_version);
  if (revision && *revision > current) {
    return Error{Code::kTimeout, "Too large resource version: " + request.resource_version +
                                     ", current: " + std::to_string(current)};
  }
  return revision;
}

// Upstream's words, which clients know, for a list that the history no longer holds.
Error TooOld(bool continued) {
  if (!continued) return {Code::kExpired, "The resourceVersion for the provided list is too old."};
  return {Code::kExpired,
          "The provided continue parameter is too old to display a consistent list result. You "
          "must start a new list without the continue parameter."};
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
  auto named = RevisionOf(request, store_.CurrentRevision());
  if (!named) return named.error();
  store::Revision at = request.exact ? *named : 0;  // 0: now
  store::ListOptions options{.type = target.StorageName()};
  if (target.type->namespaced && !target.ns.empty()) options.ns = target.ns;
  const bool continued = !request.continue_token.empty();
  if (continued) {
    auto token = ParseToken(request.continue_token, options.type);
    if (!token) return token.error();
    at = token->revision;
    options.after = token->after;
  }
  if (at == 0 && !name.empty() && (!target.type->namespaced || !target.ns.empty())) {
    return ListOne(target, request, name);
  }
  // With a selector only a look at each object tells how far the limit reaches.
  const bool all = request.selection.empty();
  if (all) options.limit = request.limit;
  auto listing =
      at == 0 ? Result<store::Listing>(store_.List(options)) : store_.ListAt(options, at);
  if (!listing) {
    const Code code = listing.error().code;
    // A revision of the future comes from another life of the store: as good as forgotten.
    if (code == Code::kExpired || code == Code::kInvalid) return TooOld(continued);
    return listing.error();
  }
  Page page{.revision = listing->revision};
  for (const store::EntryPtr& entry : listing->entries) {
    if (!all && !request.selection.Matches(entry->value)) continue;
    page.entries.push_back(entry);
    if (request.limit == 0 || page.entries.size() < request.limit) continue;
    if (entry != listing->entries.back() || listing->more) {
      page.continue_token = PrintToken({page.revision, entry->key});
      if (all) page.remaining = listing->remaining;
    }
    break;
  }
  return page;
}

}  // namespace leat::apiserver
