// The server under load, what is sent to it, and what a measurement gives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/client.h"

namespace leat::bench {

struct Target {
  net::Url url;
  net::ClientOptions client;
  std::string token;

  net::ClientRequest Request(const std::string& method, const std::string& path,
                             const std::string& query = "", std::string body = "") const;
};

// A config map of about 1 KiB as the server stores it: `note` and what fills it up.
std::string ConfigMap(const std::string& name, const std::string& note);

struct Report {
  std::vector<uint32_t> micros;  // of each operation, or of each event
  double seconds = 0;
  uint64_t lost = 0;  // events that did not come
};

// Tells the program that drives this one that the measured time begins; its clock for CPU and
// memory starts here, past the connecting.
void Begin();
// The measured time is over: waits until the driver has looked.
void End();

// `clients` threads, each with a connection of its own, one request after the other. `operation`:
//   fill    makes the namespaces and the 500 config maps that get and list read
//   create  a new config map each time, durable before it is answered
//   get     one of the 500 by name
//   list    all 500
Result<Report> RunRequests(const Target& target, const std::string& operation, int clients,
                           double seconds);

// `watchers` connections watch one config map that is written again and again; never more than
// `window` writes are ahead of the slowest watcher. The latency of an event: from the sending of
// the write to its arrival at one watcher.
Result<Report> RunWatch(const Target& target, int watchers, int64_t window, double seconds);

}  // namespace leat::bench
