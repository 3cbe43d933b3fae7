// In which order pods that wait are tried: by priority, then as they came.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/informer.h"
#include "json/value.h"

namespace leat::scheduler {

// spec.priority; without it what the two classes that every cluster has stand for, else 0.
int64_t PriorityOf(const json::Value& pod);

// Remembers in which order it saw pods first: that is finer than creation times, which are whole
// seconds. Not thread-safe.
class StartOrder {
 public:
  // The pods that wait now, in the order in which they are to be tried: the highest priority first,
  // and among equals those that came first. Pods seen for the first time together came in the order
  // of their creation and, within a second, of their last change. Forgets pods that wait no more.
  std::vector<client::ObjectPtr> Sort(std::vector<client::ObjectPtr> waiting);

 private:
  std::map<std::string, uint64_t> arrivals_;  // by uid
  uint64_t next_ = 0;
};

}  // namespace leat::scheduler
