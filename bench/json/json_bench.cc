// What a JSON tree costs, beside nlohmann-json in the same process: the figures of
// docs/adr/0004-json-tree.md. Of the two of a pair, the second is the peer.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "json/value.h"

namespace leat::json {
namespace {

constexpr size_t kPodBytes = 4096;

// A pod of kPodBytes as JSON, as a controller makes them: labels, variables, mounts, conditions.
std::string Pod() {
  Value labels, env, mounts;
  for (int i = 0; i < 8; ++i) {
    const std::string n = std::to_string(i);
    labels.Set("example.com/label-" + n, "value-" + n);
    env.Push(Object({{"name", "VARIABLE_" + n}, {"value", "some value of it"}}));
    mounts.Push(Object({{"name", "volume-" + n}, {"mountPath", "/mnt/" + n}, {"readOnly", true}}));
  }
  Value conditions;
  for (const char* type : {"Initialized", "Ready", "ContainersReady", "PodScheduled"})
    conditions.Push(Object({{"type", type}, {"status", "True"}, {"observedGeneration", 3}}));
  const Value container = Object(
      {{"name", "main"}, {"image", "registry.local/train:1.0"}, {"env", env}, {"mounts", mounts}});
  Value pod = Object(
      {{"apiVersion", "v1"},
       {"kind", "Pod"},
       {"metadata", Object({{"name", "pod-0"}, {"namespace", "default"}, {"labels", labels}})},
       {"spec", Object({{"nodeName", "node-1"}, {"containers", Array({container, container})}})},
       {"status", Object({{"phase", "Running"}, {"conditions", conditions}})}});
  const size_t size = Print(pod).size();
  LEAT_CHECK(size + 16 < kPodBytes, "the pod is too large already");
  pod.Set("note", std::string(kPodBytes - size - std::string(R"(,"note":"")").size(), 'x'));
  return Print(pod);
}

void OurParse(benchmark::State& state) {
  const std::string text = Pod();
  for (auto _ : state) benchmark::DoNotOptimize(Parse(text));
}
BENCHMARK(OurParse)->Unit(benchmark::kMicrosecond);

void PeerParse(benchmark::State& state) {
  const std::string text = Pod();
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(text));
}
BENCHMARK(PeerParse)->Unit(benchmark::kMicrosecond);

void OurPrint(benchmark::State& state) {
  const Value pod = *Parse(Pod());
  for (auto _ : state) benchmark::DoNotOptimize(Print(pod));
}
BENCHMARK(OurPrint)->Unit(benchmark::kMicrosecond);

void PeerPrint(benchmark::State& state) {
  const auto pod = nlohmann::json::parse(Pod());
  for (auto _ : state) benchmark::DoNotOptimize(pod.dump());
}
BENCHMARK(PeerPrint)->Unit(benchmark::kMicrosecond);

// Copies, and as `heap` the bytes that one copy takes.
template <class Tree>
void Copy(benchmark::State& state, const Tree& pod) {
  const size_t before = ::mallinfo2().uordblks;
  const Tree one = pod;
  state.counters["heap"] = static_cast<double>(::mallinfo2().uordblks - before);
  for (auto _ : state) {
    Tree copy = pod;
    benchmark::DoNotOptimize(copy);
  }
}

void OurCopy(benchmark::State& state) { Copy(state, *Parse(Pod())); }
BENCHMARK(OurCopy)->Unit(benchmark::kMicrosecond);

void PeerCopy(benchmark::State& state) { Copy(state, nlohmann::json::parse(Pod())); }
BENCHMARK(PeerCopy)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace leat::json
