// An ObjectStore over something that has directories: List walks them in key order.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "objectstore/object_store.h"

namespace leat::objectstore {

// In key order a directory counts with its slash: "a-b" comes before "a/x", which comes before
// "a0". Holds the names in the directories on the way to where it is, and what up to 256 objects
// are.
class TreeStore : public ObjectStore {
 public:
  Status List(const std::string& prefix, const std::string& after,
              const std::function<bool(ObjectInfo)>& each, const std::stop_token& stop) override;
  // Empty directories show as an object `dir/` without bytes.
  Result<Listing> ListLevel(const std::string& prefix, size_t limit,
                            const std::stop_token& stop) override;

 protected:
  // What is in a directory ("" or "a/b/"), in any order; the names of directories end with '/'. At
  // most `limit`, kTooLarge beyond. kNotFound when it is not there (any more).
  virtual Result<std::vector<std::string>> Names(const std::string& directory, size_t limit,
                                                 const std::stop_token& stop) = 0;
  // What these objects are, in the same order; those that went away are left out.
  virtual Result<std::vector<ObjectInfo>> Describe(const std::vector<std::string>& keys,
                                                   const std::stop_token& stop) = 0;

 private:
  struct Walk;
  Result<bool> WalkDirectory(Walk& walk, const std::string& directory, int depth);
  Result<bool> Give(Walk& walk);
};

}  // namespace leat::objectstore
