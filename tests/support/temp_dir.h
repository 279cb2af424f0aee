/* temp_dir: a folder of a test's own, and its removal with all that is in it. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void temp_dir(char ret[64])
{
    (void)snprintf(ret, 64, "/tmp/tamga-test-XXXXXX");
    if (!mkdtemp(ret)) abort();
}

static inline void temp_dir_remove(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char below[4096];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= (int)sizeof below) continue;
        if (unlink(below) != 0) temp_dir_remove(below);
    }
    if (d) (void)closedir(d);
    (void)rmdir(path);
}
