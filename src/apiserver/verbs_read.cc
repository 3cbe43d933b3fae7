#include <optional>

#include "api/status.h"
#include "apiserver/verbs.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

// A continue token: the first page's revision and the last key it gave, opaque to clients.
struct Continuation {
  store::Revision revision = 0;  // kNow: of whatever there is when the next page is asked for
  store::Key after;
};
constexpr store::Revision kNow = -1;

std::string PrintToken(const Continuation& token) {
  return Base64Encode(json::Print(
      json::Object({{"rv", token.revision}, {"ns", token.after.ns}, {"name", token.after.name}})));
}

Result<Continuation> ParseToken(const std::string& text, const std::string& type) {
  const Error bad{Code::kInvalid, "continue key is not valid: start the list again without it"};
  auto decoded = Base64Decode(text);
  if (!decoded) return bad;
  auto token = json::Parse(*decoded, 4096);
  if (!token || (*token)["name"].AsString().empty()) return bad;
  const store::Revision revision = (*token)["rv"].AsInt();
  if (revision <= 0 && revision != kNow) return bad;
  return Continuation{revision, {type, (*token)["ns"].Str(), (*token)["name"].Str()}};
}

// Upstream's words, which clients know, for a list that the history no longer holds. Who was going
// through its pages may go on with what there is now.
Error TooOld(const std::optional<Continuation>& token, Call& call) {
  if (!token) return {Code::kExpired, "The resourceVersion for the provided list is too old."};
  const Error error = Refuse(
      call, 410, "Expired",
      {Code::kExpired,
       "The provided continue parameter is too old to display a consistent list result. You can "
       "start a new list without the continue parameter, or use the continue token in this "
       "response to retrieve the remainder of the results. Continuing with the provided token "
       "results in an inconsistent list - objects that were created, modified, or deleted between "
       "the time the first chunk was returned and now may show up in the list."});
  call.status.Mut("metadata").Set("continue", PrintToken({kNow, token->after}));
  return error;
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

Result<Page> Verbs::List(const Target& target, const ListRequest& request, Call& call) const {
  const std::string name = request.selection.fields.RequiredName();
  auto oldest = ParseOldest(request.resource_version, store_.CurrentRevision(), call);
  if (!oldest) return oldest.error();
  store::Revision at = request.exact ? *oldest : 0;  // 0: now
  store::ListOptions options{.type = target.StorageName()};
  if (target.type->namespaced && !target.ns.empty()) options.ns = target.ns;
  std::optional<Continuation> token;
  if (!request.continue_token.empty()) {
    auto parsed = ParseToken(request.continue_token, options.type);
    if (!parsed) return parsed.error();
    token = std::move(*parsed);
    at = token->revision == kNow ? 0 : token->revision;
    options.after = token->after;
  }
  const bool in_one_place = !target.type->namespaced || !target.ns.empty();
  if (at == 0 && !token && !name.empty() && in_one_place) return ListOne(target, request, name);
  // With a selector only a look at each object tells how far the limit reaches.
  const bool all = request.selection.empty();
  if (all) options.limit = request.limit;
  auto listing =
      at == 0 ? Result<store::Listing>(store_.List(options)) : store_.ListAt(options, at);
  if (!listing) {
    const Code code = listing.error().code;
    // A revision of the future comes from another life of the store: as good as forgotten.
    if (code == Code::kExpired || code == Code::kInvalid) return TooOld(token, call);
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
