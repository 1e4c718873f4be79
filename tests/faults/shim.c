/* Stands between a process and its disk (LD_PRELOAD).  For files below one folder it fails, shortens, counts or
 * records what changes them.  Nothing happens before shim_arm or shim_record is called. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, NAME = 4, TRUNCATE = 8, MAKE = 16 };
enum { NOTHING, FAIL, FAIL_FROM_THERE, SHORT, KILL, TORN_KILL };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int action, error_number, classes, log_fd = -1;
static long nth, seen;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void shim_arm(const char *folder, int what, long at, int error, int mask) {
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
    action = what; nth = at; error_number = error; classes = mask; seen = 0;
}

void shim_record(const char *folder, int fd) {
    shim_arm(folder, NOTHING, 0, 0, 0);
    log_fd = fd;
}

long shim_seen(void) { return seen; }

static int below(const char *path) {
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int path_of(int fd, char *path) {
    char link[64];
    if (!root_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    int gone = strstr(path, " (deleted)") && (fcntl(fd, F_GETFL) & O_TMPFILE) != O_TMPFILE;
    return below(path) && !gone && !(length > 4 && !strcmp(path + length - 4, "-shm"));
}

static int path_at(int folder, const char *name, char *path) {
    if (!root_length) return 0;
    char base[PATH_MAX] = "";
    if (name[0] != '/') {
        if (folder == AT_FDCWD) { if (!getcwd(base, sizeof base)) return 0; }
        else if (!path_of(folder, base)) return 0;
    }
    int length = snprintf(path, PATH_MAX, name[0] == '/' ? "%s%s" : "%s/%s", base, name);
    return below(path) && !(length > 4 && !strcmp(path + length - 4, "-shm"));
}

static void put(const void *data, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t part = syscall(SYS_write, log_fd, (const char *)data + done, size - done);
        if (part <= 0) abort();
        done += (size_t)part;
    }
}

/* A record: kind, 64-bit offset, path and data, each with a 32-bit length. */
static void note(char kind, const char *path, int64_t offset, const void *data, size_t size) {
    if (log_fd < 0) return;
    uint32_t lengths[2] = {(uint32_t)strlen(path), (uint32_t)size};
    put(&kind, 1); put(&offset, 8); put(lengths, 8); put(path, lengths[0]); put(data, size);
}

void shim_mark(int number) {
    pthread_mutex_lock(&lock);
    note('!', "", number, "", 0);
    pthread_mutex_unlock(&lock);
}

/* Return 0 to go on, -1 to fail with errno set, 1 to do half of it; does not return where the process is to die. */
static int fault(int class) {
    if (action == NOTHING || !(class & classes)) return 0;
    long at = ++seen;
    if (at < nth || (at > nth && action != FAIL_FROM_THERE)) return 0;
    if (action == KILL || (action == TORN_KILL && class != WRITE)) syscall(SYS_kill, getpid(), SIGKILL);
    if (action == SHORT || action == TORN_KILL) return class == WRITE;
    errno = error_number;
    return -1;
}

static ssize_t after_half(ssize_t done) {
    if (action == TORN_KILL) syscall(SYS_kill, getpid(), SIGKILL);
    return done;
}

#define BEGIN(class, found, failed)                                     \
    int ours = (found), verdict = 0;                                    \
    if (ours) { pthread_mutex_lock(&lock); verdict = fault(class); }    \
    if (verdict < 0) { pthread_mutex_unlock(&lock); return failed; }
#define END int kept = errno; if (ours) pthread_mutex_unlock(&lock); errno = kept; return result;

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    BEGIN(WRITE, path_of(fd, path), -1)
    ssize_t result = REAL(pwrite64)(fd, data, verdict && size > 1 ? size / 2 : size, offset);
    if (ours && result > 0) note('w', path, offset, data, (size_t)result);
    if (verdict) after_half(result);
    END
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    BEGIN(WRITE, path_of(fd, path), -1)
    off_t offset = 0;
    if (ours) offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    ssize_t result = REAL(write)(fd, data, verdict && size > 1 ? size / 2 : size);
    if (ours && result > 0) note('w', path, offset, data, (size_t)result);
    if (verdict) after_half(result);
    END
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(writev)(fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t part = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (part < 0) return total ? total : -1;
        total += part;
        if ((size_t)part < parts[i].iov_len) break;
    }
    return total;
}

/* Copies inside the kernel are not seen here, so callers are made to copy by hand. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    char path[PATH_MAX];
    if (path_of(out, path)) { errno = EXDEV; return -1; }
    return REAL(copy_file_range)(in, from, out, to, size, flags);
}
ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) {
    char path[PATH_MAX];
    if (path_of(out, path)) { errno = ENOTSOCK; return -1; }
    return syscall(SYS_sendfile, out, in, offset, size);
}
ssize_t sendfile(int out, int in, off_t *offset, size_t size) { return sendfile64(out, in, offset, size); }

#define SYNCS(name)                                             \
    int name(int fd) {                                          \
        char path[PATH_MAX];                                    \
        BEGIN(SYNC, path_of(fd, path), -1)                      \
        int result = REAL(name)(fd);                            \
        if (ours && !result) note('s', path, 0, "", 0);         \
        END                                                     \
    }
SYNCS(fsync)
SYNCS(fdatasync)

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    BEGIN(TRUNCATE, path_of(fd, path), -1)
    int result = REAL(ftruncate64)(fd, size);
    if (ours && !result) note('t', path, size, "", 0);
    END
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int linked_fd(const char *from) {
    const char *folder = "/proc/self/fd/";
    return strncmp(from, folder, strlen(folder)) ? -1 : atoi(from + strlen(folder));
}

static int named(const char *from, int old_folder, const char *to, int new_folder, unsigned flags, int linking) {
    char old[PATH_MAX], new[PATH_MAX];
    int found = path_at(new_folder, to, new);
    int fd = linked_fd(from);
    if (!(fd < 0 ? path_at(old_folder, from, old) : path_of(fd, old))) old[0] = 0;
    BEGIN(NAME, found, -1)
    int result = linking ? (int)syscall(SYS_linkat, old_folder, from, new_folder, to, flags)
                         : (int)syscall(SYS_renameat2, old_folder, from, new_folder, to, flags);
    if (ours && !result) note(linking ? 'l' : 'r', new, 0, old, strlen(old));
    END
}
int rename(const char *from, const char *to) { return named(from, AT_FDCWD, to, AT_FDCWD, 0, 0); }
int renameat(int old, const char *from, int new, const char *to) { return named(from, old, to, new, 0, 0); }
int renameat2(int old, const char *from, int new, const char *to, unsigned flags) { return named(from, old, to, new, flags, 0); }
int link(const char *from, const char *to) { return named(from, AT_FDCWD, to, AT_FDCWD, 0, 1); }
int linkat(int old, const char *from, int new, const char *to, int flags) { return named(from, old, to, new, (unsigned)flags, 1); }

int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    BEGIN(NAME, path_at(folder, name, path), -1)
    int result = (int)syscall(SYS_unlinkat, folder, name, flags);
    if (ours && !result) note('u', path, 0, "", 0);
    END
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    BEGIN(MAKE, path_at(folder, name, path), -1)
    int result = (int)syscall(SYS_mkdirat, folder, name, mode);
    if (ours && !result) note('d', path, 0, "", 0);
    END
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static int opened_unnamed(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    BEGIN(MAKE, path_at(folder, name, path), -1)
    int result = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (ours && result >= 0 && path_of(result, path)) note('o', path, 0, "", 0);
    END
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    if ((flags & O_TMPFILE) == O_TMPFILE) return opened_unnamed(folder, name, flags, mode);
    int makes = (flags & (O_CREAT | O_TRUNC)) && path_at(folder, name, path);
    int there = makes && !faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW);
    makes = makes && ((!there && flags & O_CREAT) || (there && flags & O_TRUNC));
    BEGIN(MAKE, makes, -1)
    int result = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (ours && result >= 0) note(there ? 't' : 'c', path, 0, "", 0);
    END
}
#define OPENS(name, signature, folder)                                  \
    int name signature {                                                \
        mode_t mode = 0;                                                \
        if (flags & (O_CREAT | O_TMPFILE)) {                            \
            va_list rest;                                               \
            va_start(rest, flags);                                      \
            mode = va_arg(rest, mode_t);                                \
            va_end(rest);                                               \
        }                                                               \
        return opened(folder, path, flags, mode);                       \
    }
OPENS(open, (const char *path, int flags, ...), AT_FDCWD)
OPENS(open64, (const char *path, int flags, ...), AT_FDCWD)
OPENS(openat, (int at, const char *path, int flags, ...), at)
OPENS(openat64, (int at, const char *path, int flags, ...), at)
