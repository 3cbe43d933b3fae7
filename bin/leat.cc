// leat: control plane, node, operators, data and the programs beside training containers.
#include "cli/commands.h"

int main(int argc, char** argv) { return leat::cli::Main(argc, argv); }
