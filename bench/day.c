/* Asks a daemon for many answers, says in one line of JSON how many were as expected, and shows some that were not.

   day PORT FILE CONNECTIONS COUNT FIRST

   FILE holds the requests, asked for in turn and then from its start again, beginning with the FIRSTth: each is a line
   "STATUS WORD SIZE" and SIZE bytes, in which "@@@@@@" becomes the number of the turn. An answer is right if it has
   STATUS, ends as its framing says, and has WORD near its end ("-": any end will do). With the word "leave" the client
   goes as soon as the answer begins. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FD 4096
#define HEAD_SIZE 8192
#define TAIL 64
#define SHOWN 5

enum { HEAD, PLAIN, SIZE, SIZE_END, DATA, DATA_END, LAST_END, DONE };

struct entry {
    int status;
    char word[16], *bytes, *turn;
    size_t size;
};

struct line {
    int state, status, tail_at;
    size_t left, have, entry;
    char tail[TAIL], head[HEAD_SIZE + 1];
};

static struct entry *entries;
static struct line *lines[MAX_FD];
static size_t entry_count, wanted, first, started, finished, right, gone;
static int port, poller, shown;

static void read_entries(const char *path) {
    FILE *f = fopen(path, "rb");
    struct entry e;
    while (f && fscanf(f, "%d %15s %zu", &e.status, e.word, &e.size) == 3) {
        fgetc(f);
        e.bytes = calloc(1, e.size + 1);
        if (fread(e.bytes, 1, e.size, f) != e.size) exit(2);
        e.turn = memmem(e.bytes, e.size, "@@@@@@", 6);
        entries = realloc(entries, sizeof e * (entry_count + 1));
        entries[entry_count++] = e;
    }
    if (!entry_count) { perror(path); exit(2); }
}

static void ask(int fd) {
    struct line *l = lines[fd];
    size_t number = first + started++;
    memset(l, 0, offsetof(struct line, head));
    l->entry = number % entry_count;
    struct entry *e = &entries[l->entry];
    if (e->turn) {
        char turn[8];
        snprintf(turn, sizeof turn, "%06zu", number / entry_count % 1000000);
        memcpy(e->turn, turn, 6);
    }
    if (send(fd, e->bytes, e->size, MSG_NOSIGNAL) != (ssize_t)e->size) perror("send");
}

static void dial(void) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || fd >= MAX_FD || connect(fd, (void *)&there, sizeof there)) { perror("connect"); exit(1); }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    if (!lines[fd]) lines[fd] = malloc(sizeof *lines[fd]);
    ask(fd);
}

static void keep(struct line *l, const char *data, size_t size) {
    if (size > TAIL) data += size - TAIL, size = TAIL;
    for (size_t i = 0; i < size; i++) l->tail[l->tail_at++ % TAIL] = data[i];
}

static int told(struct line *l, const char *word) {
    char text[TAIL];
    for (int i = 0; i < TAIL; i++) text[i] = l->tail[(l->tail_at + i) % TAIL];
    return memmem(text, TAIL, word, strlen(word)) != 0;
}

/* The length of the head at the start of what came, 0 if it is not whole yet; says what follows it. */
static void read_head(struct line *l) {
    l->head[l->have] = 0;
    l->status = atoi(l->head + 9);
    char *length = strcasestr(l->head, "\r\ncontent-length:");
    if (strcasestr(l->head, "\r\ntransfer-encoding: chunked")) l->state = SIZE;
    else l->state = PLAIN, l->left = length ? strtoul(length + 17, 0, 10) : 0;
    if (l->state == PLAIN && !l->left) l->state = DONE;
}

static void receive(struct line *l, const char *data, size_t size) {
    while (size && l->state != DONE) {
        char c = *data;
        if (l->state == PLAIN || l->state == DATA) {
            size_t part = size < l->left ? size : l->left;
            keep(l, data, part);
            data += part, size -= part, l->left -= part;
            if (!l->left) l->state = l->state == PLAIN ? DONE : DATA_END;
            continue;
        }
        data++, size--;
        switch (l->state) {
        case HEAD:
            if (l->have == HEAD_SIZE) exit(3);
            l->head[l->have++] = c;
            if (l->have > 3 && !memcmp(l->head + l->have - 4, "\r\n\r\n", 4)) read_head(l);
            break;
        case SIZE:
            if (c == '\r') l->state = SIZE_END;
            else l->left = l->left * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
            break;
        case SIZE_END: l->state = l->left ? DATA : LAST_END; break;
        case DATA_END: if (c == '\n') l->state = SIZE; break;
        case LAST_END: if (c == '\n') l->state = DONE; break;
        }
    }
}

static int judge(struct line *l) {
    struct entry *e = &entries[l->entry];
    finished++;
    int good = l->state == DONE && l->status == e->status && (e->word[0] == '-' || told(l, e->word));
    right += good;
    if (!good && shown++ < SHOWN)
        fprintf(stderr, "expected %d %s, got %d (state %d) for %.60s: %.*s\n", e->status, e->word, l->status, l->state,
                e->bytes, TAIL, l->tail);
    int closes = !memcmp(l->head, "HTTP/1.0", 8) || strcasestr(l->head, "\r\nconnection: close");
    return l->state == DONE && !closes;
}

static void hang_up(int fd) {
    close(fd);
    if (started < wanted) dial();
}

static void look(int fd) {
    static char data[1 << 18];
    struct line *l = lines[fd];
    ssize_t size = recv(fd, data, sizeof data, 0);
    if (size > 0) receive(l, data, size);
    if (l->state > HEAD && !strcmp(entries[l->entry].word, "leave")) {
        finished++, gone++, hang_up(fd);
    } else if (size <= 0 || l->state == DONE) {
        if (judge(l) && started < wanted) ask(fd);
        else hang_up(fd);
    }
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    port = atoi(argv[1]);
    read_entries(argv[2]);
    size_t connections = atoi(argv[3]);
    wanted = atol(argv[4]), first = atol(argv[5]);
    poller = epoll_create1(0);
    for (size_t i = 0; i < connections && started < wanted; i++) dial();
    struct epoll_event ready[512];
    while (finished < wanted) {
        int count = epoll_wait(poller, ready, 512, -1);
        for (int i = 0; i < count; i++) look(ready[i].data.fd);
    }
    printf("{\"answers\":%zu,\"right\":%zu,\"left\":%zu}\n", finished, right, gone);
    return 0;
}
