// The main program of the module's tests, which is also the worker of the supervisors under test.
#include <gtest/gtest.h>

#include <csignal>
#include <string_view>

#include "datanode/testing/scripted_worker.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && std::string_view(argv[1]) == "scripted-worker") {
    std::signal(SIGBUS, SIG_DFL);  // sanitizers catch it, and the supervisor would see another end
    return leat::datanode::RunScriptedWorker(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
