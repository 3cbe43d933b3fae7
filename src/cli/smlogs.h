// kubectl-smlogs: the logs of a SageMaker job, by the name of its Kubernetes object.
#pragma once

namespace leat::cli {

// stdout: one line an event, "<stream> <time> <message>"; stderr: what the job is, and errors. Exit
// status 0, 1 for an error, 2 for wrong arguments.
int SmlogsMain(int argc, char** argv);

}  // namespace leat::cli
