// Copies the logs of algorithm containers into the log store, live.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/object_client.h"
#include "awsserver/log_store.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace leat::engine {

struct LogSource {
  api::ObjectName pod;
  std::string container;
  std::string region;  // whose training logs the stream is of
  std::string stream;
};

// One thread for each log that is followed, and one that writes. Lines reach the store at most
// 200 ms late; a reader that is kMaxPending lines ahead of the store waits. After a restart, a log
// goes on where the store's stream ends: no line is lost and none is there twice.
class LogCollector {
 public:
  LogCollector(api::ObjectClient& client, awsserver::LogStore& store, Clock& clock);
  ~LogCollector();  // stops; what was not written yet is read again by the next one

  // Follows the log from now to its container's end. Does nothing for a stream that it knows.
  void Follow(const LogSource& source);
  // True once all lines of an ended container are in the store, or cannot be had, or 30 s after
  // the first call of this for the stream.
  bool IsComplete(const LogSource& source);
  // Ends and drops what is known of the stream.
  void Forget(const std::string& region, const std::string& stream);

 private:
  using StreamKey = std::pair<std::string, std::string>;  // region and stream
  struct Follower {
    LogSource source;
    std::vector<awsserver::NewLogEvent> pending;  // guarded by mu_, as all members but `thread`
    int64_t last_position = 0;
    bool ended = false;    // no more lines will come
    bool writing = false;  // taken out of `pending`, not in the store yet
    std::optional<MonoTime> give_up_at;
    std::jthread thread;
  };

  void Read(Follower& follower, const std::stop_token& stop);
  // False when the reader must stop.
  bool Take(Follower& follower, std::string_view line, const std::stop_token& stop);
  void Write(const std::stop_token& stop);
  // Writes every follower's lines; false if the store refused some, which then stay.
  bool Flush();

  api::ObjectClient& client_;
  awsserver::LogStore& store_;
  Clock& clock_;
  Mutex mu_;
  CondVar changed_;
  std::map<StreamKey, std::shared_ptr<Follower>> followers_ GUARDED_BY(mu_);
  std::jthread writer_;
};

// "<RFC 3339 time> <text>" as an event whose position is the time in ns, but after `after`.
// kInvalid when the line does not start with a time.
Result<awsserver::NewLogEvent> ParseLogLine(std::string_view line, int64_t after);

}  // namespace leat::engine
