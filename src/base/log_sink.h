/* base, inside: a sink and the lines on their way to it; what log_writer.c and log_sink.c share. */
#ifndef WEIR_LOG_SINK_H
#define WEIR_LOG_SINK_H

#include "base.h"
#include <stdatomic.h>

enum line_op { LINE_WRITE, LINE_REOPEN, LINE_DROP, LINE_STOP };
struct line {
    _Atomic(struct line *) next;
    struct log_sink *sink;
    uint32_t n;
    unsigned char op, level;
    char bytes[];
};

enum sink_form { SINK_FILE, SINK_BORROWED /* stderr, stdout */, SINK_PROGRAM, SINK_SYSLOG };
struct log_sink {
    struct link all;        /* under the registry's lock */
    _Atomic unsigned holds; /* from and to 0 only under that lock */
    char *spec;
    enum log_sink_kind kind;
    enum sink_form form;
    atomic_size_t queued, lost; /* bytes on their way; lines dropped and not yet told */
    atomic_bool buffered;

    /* The rest belongs to the writer; without one, to who holds the lock of writing at once. */
    struct link busy; /* among those with pending lines */
    struct line *first, *last;
    size_t pending, offset; /* bytes in the list; of the first line, already written */
    uint64_t since;         /* when the list was last empty */
    int fd;
    bool polled;        /* may block: written only when poll(2) says so, PIPE_BUF bytes at most */
    bool closing, torn; /* dropped; its last line was cut short */
    pid_t child;
    uint64_t spawned;
    int facility;
    char *tag;
};

enum { SINK_RESPAWN_MS = 1000, SINK_BUFFER_MS = 1000, SINK_BUFFER_BYTES = 4096 };

bool sink_open(struct log_sink *s, char **error);
/* Writes what can be written without waiting; true when nothing is left. */
bool sink_flush(struct log_sink *s);
void sink_reopen(struct log_sink *s);
void sink_discard(struct log_sink *s); /* pending lines are lost, and counted */
void sink_close(struct log_sink *s);   /* and its descriptor; not the memory */
void sink_reap(void);                  /* programs whose sinks are gone */

int log_open_append(const char *path); /* through the opener that was set */
void log_line_free(struct line *l);    /* takes its bytes out of the account */
void log_count_lost(struct log_sink *s, size_t lines);
/* An error of the writer itself: to the sink if it is an error log, else to the oldest one, else to stderr. */
void log_complain(struct log_sink *s, int os_error, const char *format, ...) PRINTF(3, 4);
/* Bytes that may wait for one sink; all sinks together four times that. */
void log_set_limit(size_t bytes);
/* Rendering for syslog, which stamps lines itself. */
size_t log_render_unstamped(const struct log_event *e, char *out, size_t size);

#endif
