// Reading events out of the log database. Internal to the log store.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "awsserver/log_store.h"
#include "base/result.h"
#include "db/database.h"

namespace leat::awsserver {

// What the log database is made of; log_store.cc owns the schema.
struct LogStreamRow {
  int64_t id = 0;
  LogStreamInfo info;
};

// A group as the tables call it: "region:name". No region has a colon.
std::string GroupKey(const LogGroup& group);

// The streams of a group whose name starts with the prefix, sorted by name; kNotFound: no group.
Result<std::vector<LogStreamRow>> FindStreams(db::Connection& connection, const LogGroup& group,
                                              std::string_view prefix);
// LogStore::Query.
Result<std::vector<LogEvent>> ReadEvents(db::Connection& connection, const LogQuery& query);

Error NoSuchGroup();
Error NoSuchStream();

}  // namespace leat::awsserver
