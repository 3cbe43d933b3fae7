#include "store/store.h"

#include "store/durable_store.h"

namespace leat::store {
namespace {

constexpr int kUpdateTries = 100;

}  // namespace

const std::string& Entry::Json() const {
  std::call_once(printed_, [this] { json_ = json::Print(value); });
  return json_;
}

EntryPtr Restamped(const Entry& entry, Revision revision) {
  auto copy = std::make_shared<Entry>();
  copy->key = entry.key;
  copy->revision = revision;
  copy->value = entry.value;
  copy->value.Mut("metadata").Set("resourceVersion", std::to_string(revision));
  return copy;
}

Result<std::unique_ptr<Store>> Store::Open(Options options, Clock& clock) {
  auto store = DurableStore::Open(std::move(options), clock);
  if (!store) return store.error();
  return std::unique_ptr<Store>(std::move(*store));
}

Result<EntryPtr> Store::Update(
    const Key& key,
    const std::function<Result<std::optional<json::Value>>(const Entry& current)>& update) {
  Error conflict;
  for (int i = 0; i < kUpdateTries; ++i) {
    const auto current = Get(key);
    if (!current) return current.error();
    auto changed = update(**current);
    if (!changed) return changed.error();
    if (!*changed) return *current;
    auto written = Put(key, (*current)->revision, std::move(**changed));
    if (written || written.error().code != Code::kConflict) return written;
    conflict = written.error();
  }
  return conflict;
}

}  // namespace leat::store
