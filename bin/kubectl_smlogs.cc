// kubectl-smlogs: `kubectl smlogs TrainingJob NAME [-f]`, found by kubectl on PATH.
#include "cli/smlogs.h"

int main(int argc, char** argv) { return leat::cli::SmlogsMain(argc, argv); }
