/* For unit tests: the folder that a group of them works in. */
#ifndef WEIR_TEST_FOLDER_H
#define WEIR_TEST_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

/* With all that is in it; 0 when it is gone. */
static int folder_remove(const char *path)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -r %s", path);
    return system(command);
}

#endif
