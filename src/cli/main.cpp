#include "blindsight/cli/app.h"

int main(int argc, char** argv) { return blindsight::cli::run(argc, argv); }
