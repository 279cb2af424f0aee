/* Feeds a fuzz target with the files of a corpus folder, and with truncations and single byte
 * changes of each: what ctest runs where libFuzzer is not. Deterministic and bounded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
    REPLAY_FILE_BYTES = 1 << 20,   /* a larger corpus file is a mistake */
    REPLAY_CHANGES = 256,          /* changed copies per file and per kind of change */
    REPLAY_CHANGE_BYTES = 4 << 20, /* bytes of changed copies per file: large files get fewer */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly the right size, so that AddressSanitizer sees a read past its end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL) abort();
    if (size > 0) memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t change_step(size_t size)
{
    size_t changes = size > 0 ? REPLAY_CHANGE_BYTES / size : 1;

    if (changes > REPLAY_CHANGES) changes = REPLAY_CHANGES;
    if (changes == 0) changes = 1;
    return size / changes + 1;
}

static void feed_changes(uint8_t *data, size_t size)
{
    static const uint8_t flips[] = {0x01, 0x20, 0x80, 0xff};
    size_t step = change_step(size);

    for (size_t end = 0; end < size; end += step)
        feed(data, end);
    for (size_t at = 0; at < size; at += step) {
        for (size_t i = 0; i < sizeof flips; i++) {
            data[at] ^= flips[i];
            feed(data, size);
            data[at] ^= flips[i];
        }
    }
}

static bool read_file(int folder, const char *name, uint8_t *data, size_t *ret_size)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got = 1;

    if (fd < 0) return false;
    while (got > 0 && size < REPLAY_FILE_BYTES) {
        got = read(fd, data + size, REPLAY_FILE_BYTES - size);
        if (got > 0) size += (size_t)got;
    }
    (void)close(fd);
    *ret_size = size;
    return got == 0;
}

static int replay(const char *path, DIR *folder)
{
    uint8_t *data = malloc(REPLAY_FILE_BYTES);
    int files = 0, failed = 0;

    if (data == NULL) abort();
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        size_t size = 0;

        if (entry->d_name[0] == '.') continue;
        if (!read_file(dirfd(folder), entry->d_name, data, &size)) {
            (void)fprintf(stderr, "%s/%s: unreadable, or of %d bytes or more\n", path,
                          entry->d_name, REPLAY_FILE_BYTES);
            failed++;
            continue;
        }
        feed(data, size);
        feed_changes(data, size);
        files++;
    }
    free(data);
    printf("%d files replayed\n", files);
    return files > 0 && failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int code = 0;

    if (folder == NULL) {
        (void)fprintf(stderr, "%s: %s; give a corpus folder with at least one file\n",
                      argc == 2 ? argv[1] : "usage", strerror(errno));
        return 2;
    }
    feed((const uint8_t *)"", 0);
    code = replay(argv[1], folder);
    (void)closedir(folder);
    return code;
}
