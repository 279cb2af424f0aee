/* tamga: the program; everything is in the room. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return (int)cli_main(argc, argv);
}
