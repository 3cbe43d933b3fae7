// What the store costs: durable writes, reads, and feeding watchers. Files go to $TMPDIR (or /tmp):
// set it to the disk that matters.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "io/file.h"
#include "store/store.h"

namespace leat::store {
namespace {

// About 1 kB as JSON: a small pod.
json::Value PodValue(int64_t n) {
  json::Value labels, env;
  for (int i = 0; i < 5; ++i) {
    const std::string word = "label-" + std::to_string(i);
    labels.Set("example.com/" + word, word);
    env.Push(json::Object({{"name", "VARIABLE_" + std::to_string(i)}, {"value", "some value"}}));
  }
  return json::Object(
      {{"apiVersion", "v1"},
       {"kind", "Pod"},
       {"metadata", json::Object({{"name", "pod-" + std::to_string(n)},
                                  {"namespace", "default"},
                                  {"uid", "2f1e6b1c-5f0e-4d5b-9c3a-0a1b2c3d4e5f"},
                                  {"labels", labels}})},
       {"spec", json::Object({{"nodeName", "node-1"},
                              {"containers",
                               json::Array({json::Object({{"name", "main"},
                                                          {"image", "registry.local/train:1.0"},
                                                          {"env", env}})})}})},
       {"status", json::Object({{"phase", "Running"}, {"podIP", "10.0.0.1"}})}});
}

Key PodKey(int64_t n) { return {"pods", "default", "pod-" + std::to_string(n)}; }

struct World {
  explicit World(int64_t pods) {
    auto opened = Store::Open({.path = dir.path() + "/db", .relaxed_types = {"leases"}}, clock);
    LEAT_CHECK(opened, opened.error().message);
    store = std::move(*opened);
    std::vector<std::jthread> writers;
    for (int t = 0; t < 64; ++t)
      writers.emplace_back([this, t, pods] {
        for (int64_t n = t; n < pods; n += 64)
          LEAT_CHECK(store->Put(PodKey(n), 0, PodValue(n)), "fill");
      });
  }
  io::TempDir dir;
  RealClock clock;
  std::unique_ptr<Store> store;
};

// Shared by the threads of one benchmark; made and ended by the first of them.
std::unique_ptr<World> world;
void MakeWorld(const benchmark::State&) { world = std::make_unique<World>(0); }
void EndWorld(const benchmark::State&) { world.reset(); }

void BM_DurablePut(benchmark::State& state) {
  const json::Value value = PodValue(state.thread_index());
  Revision revision = 0;
  for (auto _ : state) {
    const auto put = world->store->Put(PodKey(state.thread_index()), revision, value);
    LEAT_CHECK(put, put.error().message);
    revision = (*put)->revision;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DurablePut)
    ->Setup(MakeWorld)
    ->Teardown(EndWorld)
    ->UseRealTime()
    ->Threads(1)
    ->Threads(16)
    ->Threads(64)
    ->Threads(256);

void BM_RelaxedPut(benchmark::State& state) {
  const Key key{"leases", "kube-node-lease", "node-" + std::to_string(state.thread_index())};
  const json::Value value = json::Object({{"spec", json::Object({{"renewTime", "now"}})}});
  Revision revision = 0;
  for (auto _ : state) {
    const auto put = world->store->Put(key, revision, value);
    LEAT_CHECK(put, put.error().message);
    revision = (*put)->revision;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RelaxedPut)
    ->Setup(MakeWorld)
    ->Teardown(EndWorld)
    ->UseRealTime()
    ->Threads(1)
    ->Threads(16);

void BM_Get(benchmark::State& state) {
  const World filled(10'000);
  int64_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(filled.store->Get(PodKey(n++ % 10'000)));
}
BENCHMARK(BM_Get);

void BM_List10k(benchmark::State& state) {
  const World filled(10'000);
  for (auto _ : state)
    benchmark::DoNotOptimize(filled.store->List({.type = "pods", .ns = "default"}));
}
BENCHMARK(BM_List10k)->Unit(benchmark::kMicrosecond);

void BM_Open10k(benchmark::State& state) {
  World filled(10'000);
  for (auto _ : state) {
    filled.store.reset();
    filled.store = std::move(*Store::Open({.path = filled.dir.path() + "/db"}, filled.clock));
  }
}
BENCHMARK(BM_Open10k)->Unit(benchmark::kMillisecond)->UseRealTime();

// One write per iteration, seen by every watcher before it returns.
void BM_FanOut(benchmark::State& state) {
  struct Counter : Watcher {
    int64_t seen = 0;
    EntryPtr last;
    bool OnChange(const Change& change) override {
      ++seen;
      last = change.entry;
      return true;
    }
    bool OnProgress(Revision) override { return true; }
  };
  World empty(0);
  std::vector<std::shared_ptr<Counter>> watchers;
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (int64_t i = 0; i < state.range(0); ++i) {
    watchers.push_back(std::make_shared<Counter>());
    subscriptions.push_back(
        std::move(*empty.store->Watch("leases", std::nullopt, 1, watchers.back())));
  }
  Revision revision = 0;
  for (auto _ : state) {
    const auto put = empty.store->Put({"leases", "", "l"}, revision, json::Object());
    LEAT_CHECK(put, put.error().message);
    revision = (*put)->revision;
  }
  for (const auto& watcher : watchers)
    LEAT_CHECK(watcher->seen == static_cast<int64_t>(state.iterations()), "a change was lost");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_FanOut)->Arg(1)->Arg(1'000)->UseRealTime();

}  // namespace
}  // namespace leat::store
