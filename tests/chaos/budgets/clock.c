/* A clock that goes faster than the machine's, for every process that preloads this library and shares one page.
 *
 * Time read: CLOCK_REALTIME and CLOCK_MONOTONIC (and their kin) are straight lines of the machine's monotonic clock; the
 * page says which. Time waited: the wait is as much shorter as the clock is faster. Who writes the page may change the
 * speed at any moment; waits notice within SLICE. Who writes it has to go on writing it, or the clock stands still: a
 * busy machine would otherwise make milliseconds without a processor into seconds of delay.
 *
 * libfaketime 0.9.10 has a speed, too, but not sem_clockwait (Python's locks with a timeout wait for ever), no futex by
 * syscall() (gRPC), no common monotonic clock, and no change of speed that those who wait would notice.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
/* the longest the machine waits in one go, so that a change of speed is noticed */
#define SLICE (50 * 1000000LL)
/* no wait is made shorter than this: loops that poll would leave no processor time to anyone */
#define SHORTEST (2 * 1000000LL)
/* moments are told apart by size: CLOCK_REALTIME is beyond 2001, no machine has been up for so long */
#define EPOCH (1000000000LL * SECOND)

typedef struct {
    _Atomic uint64_t version; /* odd while it is written */
    int64_t real_base;        /* the machine's CLOCK_MONOTONIC, in nanoseconds */
    int64_t passed_base;      /* what had passed then on this clock */
    int64_t passed_limit;     /* where it stands still until the page is written again */
    double speed;
    int64_t realtime_start; /* CLOCK_REALTIME and CLOCK_MONOTONIC where nothing has passed */
    int64_t monotonic_start;
} page_t;

typedef struct {
    int64_t real, passed;
    double speed;
} moment_t;

static const page_t *page;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_clock_nanosleep)(clockid_t, int, const struct timespec *, struct timespec *);
static int (*real_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
static int (*real_pselect)(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *);
static int (*real_epoll_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
static int (*real_cond_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
static int (*real_cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_sem_clockwait)(sem_t *, clockid_t, const struct timespec *);
static int (*real_setitimer)(__itimer_which_t, const struct itimerval *, struct itimerval *);

static void look_up(void) {
    if (real_setitimer) return;
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_clock_nanosleep = dlsym(RTLD_NEXT, "clock_nanosleep");
    real_ppoll = dlsym(RTLD_NEXT, "ppoll");
    real_pselect = dlsym(RTLD_NEXT, "pselect");
    real_epoll_pwait = dlsym(RTLD_NEXT, "epoll_pwait");
    real_cond_clockwait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    real_cond_timedwait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    real_sem_clockwait = dlsym(RTLD_NEXT, "sem_clockwait");
    real_setitimer = dlsym(RTLD_NEXT, "setitimer");
}

__attribute__((constructor)) static void begin(void) {
    look_up();
    const char *name = getenv("SHIFTED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(page_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) page = mapped;
}

static int64_t nanoseconds(const struct timespec *t) { return t->tv_sec * SECOND + t->tv_nsec; }

static struct timespec timespec_of(int64_t n) { return (struct timespec){n / SECOND, n % SECOND}; }

static int64_t real_now(void) {
    struct timespec t;
    look_up();
    real_clock_gettime(CLOCK_MONOTONIC, &t);
    return nanoseconds(&t);
}

static moment_t now(void) {
    moment_t m;
    uint64_t version;
    do {
        version = atomic_load_explicit(&page->version, memory_order_acquire);
        int64_t base = page->real_base, passed = page->passed_base, limit = page->passed_limit;
        m.speed = page->speed;
        m.real = real_now();
        m.passed = passed + (int64_t)((double)(m.real - base) * m.speed);
        if (m.passed > limit) m.passed = limit;
        atomic_thread_fence(memory_order_acquire);
    } while ((version & 1) || version != atomic_load_explicit(&page->version, memory_order_relaxed));
    return m;
}

static int is_monotonic(clockid_t id) {
    return id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME;
}

static int is_realtime(clockid_t id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI; }

static int64_t start_of(clockid_t id) { return is_monotonic(id) ? page->monotonic_start : page->realtime_start; }

/* the machine's time that a wait until `passed` takes at most in one go; 0 if it is over */
static int64_t slice_until(int64_t passed) {
    moment_t m = now();
    int64_t left = passed - m.passed;
    if (left <= 0) return 0;
    int64_t real = (int64_t)((double)left / m.speed), shortest = left < SHORTEST ? left : SHORTEST;
    if (real < shortest) real = shortest;
    return real < SLICE ? real : SLICE;
}

/* what will have passed at a moment of a clock that a caller waits for */
static int64_t passed_at(const struct timespec *deadline) {
    int64_t n = nanoseconds(deadline);
    return n - (n > EPOCH ? page->realtime_start : page->monotonic_start);
}

/* --- reading --- */

int clock_gettime(clockid_t id, struct timespec *t) {
    look_up();
    if (!page || !(is_monotonic(id) || is_realtime(id))) return real_clock_gettime(id, t);
    *t = timespec_of(start_of(id) + now().passed);
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    struct timespec s;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &s)) return -1;
    *t = (struct timeval){s.tv_sec, s.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *t) {
    struct timespec s;
    clock_gettime(CLOCK_REALTIME, &s);
    if (t) *t = s.tv_sec;
    return s.tv_sec;
}

int timespec_get(struct timespec *t, int base) {
    if (base == TIME_UTC) clock_gettime(CLOCK_REALTIME, t);
    return base;
}

/* --- sleeping --- */

int clock_nanosleep(clockid_t id, int flags, const struct timespec *wanted, struct timespec *rest) {
    look_up();
    if (!page || !(is_monotonic(id) || is_realtime(id))) return real_clock_nanosleep(id, flags, wanted, rest);
    int64_t until = flags & TIMER_ABSTIME ? nanoseconds(wanted) - start_of(id) : now().passed + nanoseconds(wanted), slice;
    while ((slice = slice_until(until))) {
        struct timespec s = timespec_of(slice);
        int failed = real_clock_nanosleep(CLOCK_MONOTONIC, 0, &s, NULL);
        if (failed) {
            int64_t left = until - now().passed;
            if (rest && !(flags & TIMER_ABSTIME)) *rest = timespec_of(left > 0 ? left : 0);
            return failed;
        }
    }
    return 0;
}

int nanosleep(const struct timespec *wanted, struct timespec *rest) {
    int failed = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, rest);
    if (failed) errno = failed;
    return failed ? -1 : 0;
}

int usleep(useconds_t n) {
    struct timespec s = timespec_of((int64_t)n * 1000);
    return nanosleep(&s, NULL);
}

unsigned int sleep(unsigned int seconds) {
    struct timespec s = {seconds, 0}, rest = {0, 0};
    return nanosleep(&s, &rest) ? (unsigned int)rest.tv_sec : 0;
}

/* --- waiting for files --- */

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask) {
    look_up();
    if (!page || !timeout || !nanoseconds(timeout)) return real_ppoll(fds, n, timeout, mask);
    int64_t until = now().passed + nanoseconds(timeout);
    for (;;) {
        struct timespec s = timespec_of(slice_until(until));
        int ready = real_ppoll(fds, n, &s, mask);
        if (ready || !nanoseconds(&s)) return ready;
    }
}

int poll(struct pollfd *fds, nfds_t n, int milliseconds) {
    struct timespec s = timespec_of((int64_t)milliseconds * 1000000);
    return ppoll(fds, n, milliseconds < 0 ? NULL : &s, NULL);
}

int __poll_chk(struct pollfd *fds, nfds_t n, int milliseconds, size_t size) {
    (void)size;
    return poll(fds, n, milliseconds);
}

int pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *timeout, const sigset_t *mask) {
    look_up();
    if (!page || !timeout || !nanoseconds(timeout)) return real_pselect(n, r, w, x, timeout, mask);
    int64_t until = now().passed + nanoseconds(timeout);
    fd_set r0, w0, x0;
    if (r) r0 = *r;
    if (w) w0 = *w;
    if (x) x0 = *x;
    for (;;) {
        struct timespec s = timespec_of(slice_until(until));
        int ready = real_pselect(n, r, w, x, &s, mask);
        if (ready || !nanoseconds(&s)) return ready;
        if (r) *r = r0;
        if (w) *w = w0;
        if (x) *x = x0;
    }
}

int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout) {
    struct timespec s;
    if (timeout) s = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
    return pselect(n, r, w, x, timeout ? &s : NULL, NULL);
}

int epoll_pwait(int file, struct epoll_event *events, int most, int milliseconds, const sigset_t *mask) {
    look_up();
    if (!page || milliseconds <= 0) return real_epoll_pwait(file, events, most, milliseconds, mask);
    int64_t until = now().passed + (int64_t)milliseconds * 1000000;
    for (;;) {
        int64_t slice = slice_until(until);
        int ready = real_epoll_pwait(file, events, most, (int)((slice + 999999) / 1000000), mask);
        if (ready || !slice) return ready;
    }
}

int epoll_wait(int file, struct epoll_event *events, int most, int milliseconds) {
    return epoll_pwait(file, events, most, milliseconds, NULL);
}

/* --- waiting for threads --- */

static struct timespec in_a_slice(int64_t slice) { return timespec_of(real_now() + slice); }

int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t id, const struct timespec *deadline) {
    look_up();
    if (!page) return real_cond_clockwait(c, m, id, deadline);
    int64_t slice = slice_until(passed_at(deadline));
    struct timespec s = in_a_slice(slice);
    int result = real_cond_clockwait(c, m, CLOCK_MONOTONIC, &s);
    /* a wakeup without a cause is allowed, and the caller looks; waiting on would miss a signal given in between */
    return result == ETIMEDOUT && slice_until(passed_at(deadline)) ? 0 : result;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *deadline) {
    look_up();
    return page ? pthread_cond_clockwait(c, m, CLOCK_MONOTONIC, deadline) : real_cond_timedwait(c, m, deadline);
}

int sem_clockwait(sem_t *sem, clockid_t id, const struct timespec *deadline) {
    look_up();
    if (!page) return real_sem_clockwait(sem, id, deadline);
    for (;;) {
        int64_t slice = slice_until(passed_at(deadline));
        struct timespec s = in_a_slice(slice);
        int failed = real_sem_clockwait(sem, CLOCK_MONOTONIC, &s);
        if (!failed || errno != ETIMEDOUT || !slice) return failed;
    }
}

int sem_timedwait(sem_t *sem, const struct timespec *deadline) { return sem_clockwait(sem, CLOCK_REALTIME, deadline); }

/* --- alarms: by the speed of the moment --- */

static struct timeval shorter(struct timeval t) {
    int64_t n = (t.tv_sec * SECOND + t.tv_usec * 1000), real = (int64_t)((double)n / now().speed);
    if (n && real < SHORTEST) real = n < SHORTEST ? n : SHORTEST;
    return (struct timeval){real / SECOND, real % SECOND / 1000};
}

int setitimer(__itimer_which_t which, const struct itimerval *wanted, struct itimerval *old) {
    look_up();
    if (!page || which != ITIMER_REAL || !wanted) return real_setitimer(which, wanted, old);
    struct itimerval real = {shorter(wanted->it_interval), shorter(wanted->it_value)};
    return real_setitimer(which, &real, old);
}

unsigned int alarm(unsigned int seconds) {
    struct itimerval wanted = {{0, 0}, {seconds, 0}}, old;
    if (setitimer(ITIMER_REAL, &wanted, &old)) return 0;
    return (unsigned int)old.it_value.tv_sec + (old.it_value.tv_usec > 0);
}

/* --- calls of the kernel by number: abseil's (gRPC's) and Rust's locks --- */

static long raw(long n, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

long syscall(long n, ...) {
    va_list given;
    va_start(given, n);
    long a = va_arg(given, long), b = va_arg(given, long), c = va_arg(given, long);
    long d = va_arg(given, long), e = va_arg(given, long), f = va_arg(given, long);
    va_end(given);
    if (page && n == SYS_clock_gettime) return clock_gettime((clockid_t)a, (struct timespec *)b);
    int what = (int)b & FUTEX_CMD_MASK;
    if (!page || n != SYS_futex || !d || (what != FUTEX_WAIT && what != FUTEX_WAIT_BITSET)) return raw(n, a, b, c, d, e, f);
    const struct timespec *wanted = (const struct timespec *)d;
    int64_t until = what == FUTEX_WAIT ? now().passed + nanoseconds(wanted) : passed_at(wanted);
    int64_t slice = slice_until(until);
    struct timespec s = timespec_of(slice ? slice : 1);
    if (what == FUTEX_WAIT_BITSET) {
        s = in_a_slice(slice);
        b &= ~(long)FUTEX_CLOCK_REALTIME;
    }
    long result = raw(n, a, b, c, (long)&s, e, f);
    /* woken without a cause, as above */
    return result == -1 && errno == ETIMEDOUT && slice_until(until) ? 0 : result;
}
