/* Paths to files: whatever the bytes of a path, with each way of reading slashes, plain roots and aliases alike, what
 * is found lies below what was meant, and links are not followed where they may not be. A tree on disk is asked. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64] = "/tmp/weir-fuzz-XXXXXX"; /* "…/in" is what is served; "…/secret" lies beside it */
static struct snapshot *snapshot;

static void remove_tree(void)
{
    char command[80];

    snprintf(command, sizeof(command), "rm -r '%s'", root);
    if (system(command))
        perror(root);
    snapshot_drop(snapshot);
}

static void put(const char *name, bool directory, const char *link)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/%.16s", root, name);
    if (link)
        ASSERT(symlink(link, path) == 0);
    else if (directory)
        ASSERT(mkdir(path, 0755) == 0);
    else
        fclose(fopen(path, "w"));
}

static void begin(void)
{
    char text[1024];

    ASSERT(mkdtemp(root));
    put("secret", false, NULL);
    put("in", true, NULL);
    put("in/a", false, NULL);
    put("in/d", true, NULL);
    put("in/d/b", false, NULL);
    put("in/out", false, "../secret");
    put("in/up", false, "..");
    put("in/d/up", false, "../..");
    snprintf(text, sizeof(text),
             "ServerName s\nErrorLog /dev/null\nLogLevel emerg\nDocumentRoot %s/in\n<Directory />\nOptions "
             "None\nAllowOverride None\n"
             "</Directory>\nAlias /x/ %s/in/\nAlias /y %s/in\nAliasMatch ^/z(.*) %s/in/$1\n",
             root, root, root, root);
    snapshot = load_text(text);
    ASSERT(snapshot);
    atexit(remove_tree);
}

/* What stands there is below "…/in", by its real name too. */
static void check(const struct request *r)
{
    char real[PATH_MAX], inside[80];

    if (r->file.kind == RESOURCE_NONE)
        return;
    ASSERT(realpath(r->filename, real));
    snprintf(inside, sizeof(inside), "%s/in", root);
    ASSERT(strncmp(real, inside, strlen(inside)) == 0);
    ASSERT(real[strlen(inside)] == '\0' || real[strlen(inside)] == '/');
}

static void run(struct span in, enum http_slashes slashes, bool merge)
{
    struct arena *a = arena_new();
    struct request r = get_request(a, snapshot, SPAN("GET"));
    char *uri;

    if (http_normalize_path(a, in, slashes, merge, &uri) == HTTP_PATH_OK && *uri == '/') {
        int status;
        r.uri = uri;
        status = alias_translate(&r);
        if (!status && !r.filename)
            status = files_translate(&r);
        if (!status)
            status = files_map(&r);
        ASSERT(status == 0 || status == 403);
        if (!status)
            check(&r);
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { size ? (const char *)data : "", size };

    if (!snapshot)
        begin();
    for (int i = 0; i < 6; i++)
        run(in, (enum http_slashes)(i % 3), i < 3);
    return 0;
}
