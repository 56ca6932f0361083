/* Which calls does a program make that reach files, streams and other programs, in which order?

Loaded before the C library, it writes a line for each into the file that CALLS_LOG names: kind, size, process, path.
What makes something unsafe, or leaves, is told before it is done; what makes something safe, after. With
CALLS_FAIL set, no log of a store can be synced. Only what programs call themselves is heard, not what the C library
does inside: so `fwrite` is told as it is called, and `system` as the start of a program. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int log_to = -1;
static int failing;

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static void tell(const char *kind, const char *path, long size) {
  char line[PATH_MAX + 64];
  int kept = errno;
  int length = snprintf(line, sizeof line, "%s\t%ld\t%d\t%s\n", kind, size, (int)getpid(), path);
  if (log_to >= 0 && length > 0 && (size_t)length < sizeof line && syscall(SYS_write, log_to, line, length) != length)
    abort();
  errno = kept;
}

static void path_of(int descriptor, char *path) {
  char link[64];
  int kept = errno;
  if (descriptor == 1 || descriptor == 2) {
    strcpy(path, descriptor == 1 ? "out" : "err");
    return;
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  errno = kept;
}

static void tell_of(const char *kind, int descriptor, long size) {
  char path[PATH_MAX];
  path_of(descriptor, path);
  tell(kind, path, size);
}

static void tell_at(const char *kind, int folder, const char *name) {
  char path[2 * PATH_MAX] = "";
  if (name[0] != '/') {
    if (folder != AT_FDCWD)
      path_of(folder, path);
    else if (!getcwd(path, PATH_MAX))
      path[0] = 0;
    strcat(path, "/");
  }
  strncat(path, name, PATH_MAX - 1);
  path[PATH_MAX - 1] = 0;
  tell(kind, path, 0);
}

static void tell_open(int folder, const char *name, int makes, int cuts) {
  int kept = errno;
  int there = syscall(SYS_faccessat, folder, name, F_OK) == 0;
  if (makes && !there)
    tell_at("make", folder, name);
  else if (cuts && there)
    tell_at("cut", folder, name);
  errno = kept;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CALLS_LOG");
  failing = getenv("CALLS_FAIL") != NULL;
  if (!path)
    return;
  int descriptor = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  log_to = fcntl(descriptor, F_DUPFD_CLOEXEC, 200);
  syscall(SYS_close, descriptor);
}

__attribute__((destructor)) static void end(void) { tell("exit", "", 0); }

void _exit(int code) {
  tell("exit", "", code);
  syscall(SYS_exit_group, code);
  __builtin_unreachable();
}

ssize_t write(int descriptor, const void *from, size_t size) {
  tell_of("write", descriptor, size);
  return REAL(write)(descriptor, from, size);
}

ssize_t pwrite(int descriptor, const void *from, size_t size, off_t where) {
  tell_of("write", descriptor, size);
  return REAL(pwrite)(descriptor, from, size, where);
}

ssize_t pwrite64(int descriptor, const void *from, size_t size, off64_t where) {
  tell_of("write", descriptor, size);
  return REAL(pwrite64)(descriptor, from, size, where);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  tell_of("write", descriptor, count);
  return REAL(writev)(descriptor, parts, count);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t where) {
  tell_of("write", descriptor, count);
  return REAL(pwritev)(descriptor, parts, count, where);
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *stream) {
  tell_of("write", fileno(stream), size * count);
  return REAL(fwrite)(from, size, count, stream);
}

static int sync_with(int (*real)(int), int descriptor) {
  char path[PATH_MAX];
  path_of(descriptor, path);
  size_t length = strlen(path);
  if (failing && length > 4 && !strcmp(path + length - 4, "-wal")) {
    tell("failed", path, 0);
    errno = EIO;
    return -1;
  }
  int result = real(descriptor);
  if (result == 0)
    tell("sync", path, 0);
  return result;
}

int fsync(int descriptor) { return sync_with(REAL(fsync), descriptor); }

int fdatasync(int descriptor) { return sync_with(REAL(fdatasync), descriptor); }

#define MODE_OF(flags, mode) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  tell_open(AT_FDCWD, path, flags & O_CREAT, flags & O_TRUNC);
  return REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  tell_open(AT_FDCWD, path, flags & O_CREAT, flags & O_TRUNC);
  return REAL(open64)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  tell_open(folder, path, flags & O_CREAT, flags & O_TRUNC);
  return REAL(openat)(folder, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
  tell_open(AT_FDCWD, path, mode[0] != 'r', mode[0] == 'w');
  return REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
  tell_open(AT_FDCWD, path, mode[0] != 'r', mode[0] == 'w');
  return REAL(fopen64)(path, mode);
}

int mkdir(const char *path, mode_t mode) {
  tell_open(AT_FDCWD, path, 1, 0);
  return REAL(mkdir)(path, mode);
}

int unlink(const char *path) {
  tell_at("remove", AT_FDCWD, path);
  return REAL(unlink)(path);
}

int remove(const char *path) {
  tell_at("remove", AT_FDCWD, path);
  return REAL(remove)(path);
}

int rename(const char *from, const char *to) {
  tell_at("rename", AT_FDCWD, to);
  return REAL(rename)(from, to);
}

int execve(const char *path, char *const words[], char *const environment[]) {
  tell("start", path, 0);
  return REAL(execve)(path, words, environment);
}

int posix_spawn(pid_t *process, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const words[], char *const environment[]) {
  tell("start", path, 0);
  return REAL(posix_spawn)(process, path, actions, attributes, words, environment);
}

int system(const char *line) {
  tell("start", "sh", 0);
  return REAL(system)(line);
}
