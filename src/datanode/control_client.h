// Asks a data node over its control socket.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "json/value.h"

namespace leat::datanode {

// Where clients reach the data node that serves a cache directory.
std::string ControlSocketOf(const std::string& cache_directory);

// Sends the request and gives every {"progress": ...} to `progress`; returns what comes after "ok",
// or the error that the data node answered. Waits as long as the data node works on it: while its
// worker is being restarted, too. kUnavailable: nobody listens at `socket`, or the data node ended
// before it answered (then `message` says so).
Result<json::Value> AskDataNode(const std::string& socket, const json::Value& request,
                                const std::function<void(const json::Value&)>& progress,
                                const std::stop_token& stop);

// Whether the data node at `socket` answers anything at all within `limit`.
bool Answers(const std::string& socket, std::chrono::nanoseconds limit,
             const std::stop_token& stop);

}  // namespace leat::datanode
