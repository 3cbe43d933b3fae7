// The load generator for a real API server:
//   api_bench URL CA-FILE TOKEN-FILE OPERATION CLIENTS SECONDS
// See target.h for the operations, and `watch` and `stream`, which are watches with one write and
// with 32 writes ahead of the slowest watcher. Prints one line of JSON. bench_api.py drives it.
#include <algorithm>
#include <cstdio>

#include "base/strings.h"
#include "bench/api/target.h"
#include "io/file.h"

namespace leat::bench {

constexpr size_t kObjectBytes = 1024;
// What the server adds to an object: uid, resourceVersion, creationTimestamp and the like.
constexpr size_t kServerBytes = 150;
constexpr int64_t kStreamWindow = 32;

net::ClientRequest Target::Request(const std::string& method, const std::string& path,
                                   const std::string& query, std::string body) const {
  net::ClientRequest request{.method = method, .url = url, .body = std::move(body)};
  request.url.path = path;
  request.url.query = query;
  request.headers.Add("Authorization", "Bearer " + token);
  if (!request.body.empty()) request.headers.Add("Content-Type", "application/json");
  return request;
}

std::string ConfigMap(const std::string& name, const std::string& note) {
  std::string text = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name +
                     R"("},"data":{"text":")" + note;
  const size_t size = kObjectBytes - kServerBytes;
  if (text.size() < size) text.append(size - text.size(), 'x');
  return text + "\"}}";
}

void Begin() {
  std::printf("begin\n");
  std::fflush(stdout);
}

void End() {
  std::printf("end\n");
  std::fflush(stdout);
  while (std::getchar() != '\n' && std::feof(stdin) == 0) {
  }
}

namespace {

double Percentile(std::vector<uint32_t>& micros, double fraction) {
  if (micros.empty()) return 0;
  const auto at = micros.begin() + static_cast<int64_t>(fraction * double(micros.size() - 1));
  std::nth_element(micros.begin(), at, micros.end());
  return *at;
}

Result<Report> Run(const std::vector<std::string>& args) {
  const auto url = net::Url::Parse(args[0]);
  if (!url) return url.error();
  const auto ca = io::ReadFile(args[1]);
  if (!ca) return ca.error();
  const auto token = io::ReadFile(args[2]);
  if (!token) return token.error();
  const Target target{*url, {.tls = {.ca_pem = *ca}}, std::string(Trim(*token))};
  const std::string& operation = args[3];
  const auto clients = ParseInt(args[4]);
  const auto seconds = ParseDouble(args[5]);
  if (!clients || *clients < 1 || !seconds || *seconds <= 0)
    return Error{Code::kInvalid, "CLIENTS and SECONDS are positive numbers"};
  const int count = static_cast<int>(*clients);
  if (operation == "watch") return RunWatch(target, count, 1, *seconds);
  if (operation == "stream") return RunWatch(target, count, kStreamWindow, *seconds);
  for (const std::string_view known : {"fill", "create", "get", "list"})
    if (operation == known) return RunRequests(target, operation, count, *seconds);
  return Error{Code::kInvalid, "unknown operation " + operation};
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: api_bench URL CA-FILE TOKEN-FILE OPERATION CLIENTS SECONDS\n");
    return 2;
  }
  auto report = leat::bench::Run({argv + 1, argv + argc});
  if (!report) {
    std::fprintf(stderr, "api_bench: %s\n", report.error().message.c_str());
    return 1;
  }
  const auto percentile = [&](double fraction) {
    return leat::bench::Percentile(report->micros, fraction);
  };
  std::printf(R"({"count":%zu,"seconds":%.3f,"p50_us":%.0f,"p99_us":%.0f,"lost":%llu})"
              "\n",
              report->micros.size(), report->seconds, percentile(0.5), percentile(0.99),
              static_cast<unsigned long long>(report->lost));
  return 0;
}
