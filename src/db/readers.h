// Read-only connections. Internal to this module.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "db/database.h"

namespace leat::db {

// At most 8 connections, made when first needed, the one used last first. Thread-safe.
class ReaderPool {
 public:
  explicit ReaderPool(std::string path) : path_(std::move(path)) {}

  Status Read(const std::function<Status(Connection&)>& read);

 private:
  Result<std::unique_ptr<Connection>> Take();
  void GiveBack(std::unique_ptr<Connection> connection);

  const std::string path_;
  Mutex mu_;
  CondVar given_back_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mu_);
  int in_use_ GUARDED_BY(mu_) = 0;
};

}  // namespace leat::db
