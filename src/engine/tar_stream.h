// A directory as a .tar.gz, made while it is read.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/file_tree.h"

namespace leat::engine {

// Entries are relative, owned by root, links stay links. Files are opened beneath the root without
// following links. One that vanishes meanwhile is left out; one that shrinks is filled with zeros.
class TarStream {
 public:
  TarStream(std::string root, std::vector<FileEntry> entries);
  ~TarStream();
  // The next bytes, 0 at the end.
  Result<size_t> Read(std::span<char> buffer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leat::engine
