/* main() of a fuzz target where there is no libFuzzer: runs it on each file named, and on each file of the directories
 * named, so that what was once found stays found. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned runs;

/* The input gets memory of exactly its size: a sanitizer then sees a read past it. */
static void run_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size ? size : 1);
    FILE *f = fopen(path, "rb");

    if (!f || !data || fread(data, 1, size, f) != size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    runs++;
}

static void run_directory(const char *path);

static void run_path(const char *path)
{
    struct stat st;

    if (stat(path, &st)) {
        perror(path);
        exit(1);
    }
    if (S_ISDIR(st.st_mode))
        run_directory(path);
    else
        run_file(path, (size_t)st.st_size);
}

static void run_directory(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        char *inside;

        if (entries[i]->d_name[0] != '.' && asprintf(&inside, "%s/%s", path, entries[i]->d_name) > 0) {
            run_path(inside);
            free(inside);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    printf("%u inputs\n", runs);
    return runs == 0; /* a corpus that is not there is no success */
}
