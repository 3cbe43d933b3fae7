#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include "bench/api/target.h"

namespace leat::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSeeds = 500;
constexpr const char* kReadPath = "/api/v1/namespaces/bench-read/configmaps";
constexpr const char* kWritePath = "/api/v1/namespaces/bench/configmaps";

std::string SeedName(int64_t n) { return "seed-" + std::to_string(n % kSeeds); }

Status Exchange(net::Client& client, net::ClientRequest request, bool may_exist = false) {
  const std::string what = request.method + " " + request.url.path;
  auto response = client.Send(std::move(request));
  if (!response) return response.error();
  auto body = (*response)->ReadAll();
  if (!body) return body.error();
  const int status = (*response)->status;
  if (status / 100 == 2 || (may_exist && status == 409)) return {};
  return Error{Code::kInternal,
               what + " was answered with " + std::to_string(status) + ": " + body->substr(0, 300)};
}

Status Fill(const Target& target) {
  const auto client = net::Client::Make(target.client);
  for (const std::string name : {"bench", "bench-read"}) {
    const std::string body =
        R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")" + name + R"("}})";
    if (auto made = Exchange(*client, target.Request("POST", "/api/v1/namespaces", "", body), true);
        !made)
      return made;
  }
  for (int n = 0; n < kSeeds; ++n) {
    auto request = target.Request("POST", kReadPath, "", ConfigMap(SeedName(n), "seed"));
    if (auto made = Exchange(*client, std::move(request), true); !made) return made;
  }
  return {};
}

net::ClientRequest Next(const Target& target, const std::string& operation,
                        const std::string& unique, int64_t n) {
  if (operation == "create")
    return target.Request("POST", kWritePath, "",
                          ConfigMap(unique + "-" + std::to_string(n), "created"));
  if (operation == "get")
    return target.Request("GET", std::string(kReadPath) + "/" + SeedName(n * 7919));
  return target.Request("GET", kReadPath, "limit=500");
}

struct Worker {
  std::vector<uint32_t> micros;
  Status failure;
};

}  // namespace

Result<Report> RunRequests(const Target& target, const std::string& operation, int clients,
                           double seconds) {
  if (operation == "fill") {
    if (auto filled = Fill(target); !filled) return filled.error();
    return Report{};
  }
  const std::string run = "c" + std::to_string(Clock::now().time_since_epoch().count());
  std::vector<Worker> workers(static_cast<size_t>(clients));
  std::latch connected(clients);
  std::latch start(1);
  Clock::time_point until;  // set before `start`
  const auto work = [&](int number) {
    Worker& worker = workers[static_cast<size_t>(number)];
    const auto client = net::Client::Make(target.client);
    worker.failure = Exchange(*client, target.Request("GET", "/livez"));
    connected.count_down();
    start.wait();
    const std::string unique = run + "-" + std::to_string(number);
    for (int64_t n = number; worker.failure; n += clients) {
      const auto sent = Clock::now();
      if (sent >= until) return;
      worker.failure = Exchange(*client, Next(target, operation, unique, n));
      const auto took =
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - sent).count();
      worker.micros.push_back(static_cast<uint32_t>(took));
    }
  };
  Report report;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i) threads.emplace_back(work, i);
    connected.wait();
    Begin();
    const auto begin = Clock::now();
    until = begin + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
    start.count_down();
    threads.clear();
    report.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  End();
  for (const Worker& worker : workers) {
    if (!worker.failure) return worker.failure.error();
    report.micros.insert(report.micros.end(), worker.micros.begin(), worker.micros.end());
  }
  return report;
}

}  // namespace leat::bench
