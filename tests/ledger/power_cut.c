/* What a machine forgets that is switched off: writes to a database that were not synchronised.
 *
 * Preloaded into a process, it keeps beside each database file and its WAL the bytes that were
 * there before each write, until fdatasync or fsync makes the writes last. When the process has
 * been killed, `power_cut.py` puts those bytes back, the newest first. Directory entries are left
 * as they are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct record { uint64_t offset, kept, size; };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* The undo file of what `fd` has open, or -1 when it is no database. */
static int undo_of(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 8);
    if (length < 0)
        return -1;
    path[length] = 0;
    char *name = strstr(path, ".sqlite3");
    if (!name || (strcmp(name, ".sqlite3") && strcmp(name, ".sqlite3-wal")))
        return -1;
    strcat(path, ".undo");
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* Keep what stands from `offset` on, `length` bytes at most. */
static void keep(int fd, int undo, uint64_t offset, uint64_t length)
{
    struct stat now;
    if (fstat(fd, &now))
        abort();
    uint64_t size = now.st_size;
    uint64_t there = offset >= size ? 0 : size - offset;
    struct record record = { offset, there < length ? there : length, size };
    char *whole = malloc(sizeof record + record.kept);
    memcpy(whole, &record, sizeof record);
    if (pread(fd, whole + sizeof record, record.kept, offset) != (ssize_t)record.kept)
        abort();
    if (write(undo, whole, sizeof record + record.kept) != (ssize_t)(sizeof record + record.kept))
        abort();
    free(whole);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    static ssize_t (*really)(int, const void *, size_t, off64_t);
    if (!really)
        really = dlsym(RTLD_NEXT, "pwrite64");
    pthread_mutex_lock(&turn);
    int undo = undo_of(fd);
    if (undo >= 0) {
        keep(fd, undo, offset, length);
        close(undo);
    }
    ssize_t written = really(fd, bytes, length, offset);
    pthread_mutex_unlock(&turn);
    return written;
}

int ftruncate64(int fd, off64_t length)
{
    static int (*really)(int, off64_t);
    if (!really)
        really = dlsym(RTLD_NEXT, "ftruncate64");
    pthread_mutex_lock(&turn);
    int undo = undo_of(fd);
    if (undo >= 0) {
        keep(fd, undo, length, UINT64_MAX);
        close(undo);
    }
    int failed = really(fd, length);
    pthread_mutex_unlock(&turn);
    return failed;
}

static int synchronise(int fd, const char *how)
{
    int (*really)(int) = dlsym(RTLD_NEXT, how);
    pthread_mutex_lock(&turn);
    int failed = really(fd);
    int undo = failed ? -1 : undo_of(fd);
    if (undo >= 0) {
        if (ftruncate(undo, 0))
            abort();
        close(undo);
    }
    pthread_mutex_unlock(&turn);
    return failed;
}

int fdatasync(int fd) { return synchronise(fd, "fdatasync"); }
int fsync(int fd) { return synchronise(fd, "fsync"); }
