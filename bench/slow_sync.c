/* A disk on which every sync takes DELAY_US longer: loaded before libc (LD_PRELOAD), it counts each sync in the eight octets of the
 * file COUNTER, which all processes of a side share. The real call follows, so that nothing is less durable than before. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t *count;

__attribute__((constructor)) static void begin(void)
{
    int fd = open(COUNTER, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *found = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    count = found == MAP_FAILED ? NULL : found;
    close(fd);
}

static void wait_for_disk(void)
{
    struct timespec left = {0, DELAY_US * 1000L};
    while (nanosleep(&left, &left) != 0)
        ;
    if (count != NULL)
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

int fsync(int fd)
{
    wait_for_disk();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    wait_for_disk();
    return (int)syscall(SYS_fdatasync, fd);
}

int sync_file_range(int fd, off_t offset, off_t length, unsigned int flags)
{
    wait_for_disk();
    return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
}
