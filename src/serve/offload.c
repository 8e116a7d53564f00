/* Work that blocks (password hashes, files, names looked up, a program asked), done for one exchange off its worker's
 * loop: a few threads and a bounded queue. While an exchange is away only the thread that serves it touches its request
 * and arena; its worker notes that the client left and ends the exchange when it is back. */
#include "control.h"

#include <stdlib.h>

enum { THREADS_MOST = 4, QUEUE_MOST = 256 };

struct offload {
    pthread_mutex_t lock; /* of all below, and of the errands in the queue */
    pthread_cond_t work;
    struct link queue; /* struct errand */
    unsigned n_queued, n_idle, n_threads;
    bool ending;
    pthread_t threads[THREADS_MOST];
};

/* ---- the threads ---- */

static struct exchange *take(struct offload *o)
{
    struct errand *e = CONTAINER_OF(o->queue.next, struct errand, link);

    link_remove(&e->link);
    o->n_queued--;
    return CONTAINER_OF(e, struct exchange, errand);
}

static void on_back(void *arg);

static void *run_thread(void *arg)
{
    struct offload *o = arg;

    pthread_mutex_lock(&o->lock);
    while (!o->ending) {
        if (link_empty(&o->queue)) {
            o->n_idle++;
            pthread_cond_wait(&o->work, &o->lock);
            o->n_idle--;
            continue;
        }
        struct exchange *ex = take(o);
        struct loop *home = ex->worker->loop;

        pthread_mutex_unlock(&o->lock);
        ex->r.off_loop = true;
        ex->errand.status = ex->errand.work(&ex->r);
        ex->r.off_loop = false;
        loop_call(home, on_back, ex);
        pthread_mutex_lock(&o->lock);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* The first request that needs them starts them; a thread that cannot be had is done without, unless there is none. */
static bool has_threads(struct offload *o)
{
    if (o->n_idle <= o->n_queued && o->n_threads < THREADS_MOST &&
        pthread_create(&o->threads[o->n_threads], NULL, run_thread, o) == 0)
        o->n_threads++;
    return o->n_threads > 0;
}

struct offload *offload_new(void)
{
    struct offload *o = base_alloc(sizeof(*o));

    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->work, NULL);
    link_init(&o->queue);
    return o;
}

void offload_free(struct offload *o)
{
    pthread_mutex_lock(&o->lock);
    ASSERT(link_empty(&o->queue)); /* workers end after their exchanges */
    o->ending = true;
    pthread_cond_broadcast(&o->work);
    pthread_mutex_unlock(&o->lock);
    for (unsigned i = 0; i < o->n_threads; i++)
        pthread_join(o->threads[i], NULL);
    pthread_cond_destroy(&o->work);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* ---- there and back, in the worker ---- */

static bool enqueue(struct offload *o, struct exchange *ex)
{
    bool taken;

    pthread_mutex_lock(&o->lock);
    taken = o->n_queued < QUEUE_MOST && has_threads(o);
    if (taken) {
        ex->away = true;
        link_push(&o->queue, &ex->errand.link);
        o->n_queued++;
        pthread_cond_signal(&o->work);
    }
    pthread_mutex_unlock(&o->lock);
    return taken;
}

enum step_result exchange_offload(struct exchange *ex, enum offload_kind kind, int (*work)(struct request *r))
{
    ASSERT(!ex->away);
    timer_cancel(ex->worker->loop, &ex->timer);
    ex->errand.work = work;
    ex->errand.by = ex->worker->server->offloads[kind];
    if (enqueue(ex->errand.by, ex))
        return STEP_WAIT;
    REQUEST_LOG(&ex->r, LOG_CORE, LEVEL_ERROR, 0,
                "%d requests wait for work that blocks (passwords, names, programs): answering 503 / "
                "パスワード照合などの待ちが %d 件に達したため 503 を返します",
                QUEUE_MOST, QUEUE_MOST);
    ex->r.status = 503;
    return STEP_REPLY;
}

static void on_back(void *arg)
{
    struct exchange *ex = arg;

    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    ex->away = false;
    if (ex->left || (ex->client->stream->ready & STREAM_FAILED))
        exchange_abort(ex);
    else
        exchange_resume(ex, request_decide(ex, ex->errand.status));
}

bool offload_leave(struct exchange *ex)
{
    struct offload *o = ex->errand.by;

    ex->left = true;
    pthread_mutex_lock(&o->lock);
    if (!link_empty(&ex->errand.link)) { /* not begun: it need not be */
        link_remove(&ex->errand.link);
        o->n_queued--;
        ex->away = false;
    }
    pthread_mutex_unlock(&o->lock);
    return !ex->away;
}
