/* Opens many streams at a gateway, reads each to its end, and tells in one line of JSON how that went.

   streams PORT PATH BODYFILE CONNECTIONS STREAMS EVENTS RAMP

   STREAMS streams over CONNECTIONS connections, the first of them opened over RAMP milliseconds. A stream counts as
   whole only if it had EVENTS events and [DONE] (EVENTS + 1 data lines) and ended as its framing says. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 16384

enum { HEAD, SIZE, SIZE_END, DATA, DATA_END, DONE };

struct line {
    int state, match, tail, count, last_chunk;
    size_t left;
    double asked, previous;
};

static struct line lines[MAX_FD];
static char request[1 << 16];
static size_t request_size;
static int port, wanted, started, finished, whole, expected;
static long events;
static double *first, *gaps;
static int firsts, gap_count, gap_max = 1 << 22;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void ask(int fd) {
    memset(&lines[fd], 0, sizeof lines[fd]);
    lines[fd].asked = now();
    started++;
    if (send(fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) perror("send");
}

static void dial(int poller) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || fd >= MAX_FD || connect(fd, (void *)&there, sizeof there)) { perror("connect"); exit(1); }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    ask(fd);
}

static void event(struct line *l, double t) {
    if (!l->count++) first[firsts++] = t - l->asked;
    else if (gap_count < gap_max) gaps[gap_count++] = t - l->previous;
    l->previous = t;
    events++;
}

/* Decodes the chunked coding byte by byte and counts the lines that begin with "data: ". */
static void read_byte(struct line *l, char c, double t) {
    static const char MARK[] = "data: ", END[] = "\r\n\r\n";
    switch (l->state) {
    case HEAD:
        l->match = c == END[l->match] ? l->match + 1 : c == '\r';
        if (l->match == 4) { l->state = SIZE; l->match = 0; }
        break;
    case SIZE:
        if (c == '\r') { l->state = SIZE_END; break; }
        l->left = l->left * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        break;
    case SIZE_END:
        l->last_chunk = !l->left;
        l->state = l->left ? DATA : DATA_END;
        break;
    case DATA:
        l->match = c == MARK[l->match] ? l->match + 1 : c == 'd';
        if (l->match == 6) { event(l, t); l->match = 0; }
        if (!--l->left) l->state = DATA_END;
        break;
    case DATA_END:
        if (c == '\n') l->state = l->last_chunk ? DONE : SIZE;
    }
}

static void end(int fd, int again, int poller) {
    struct line *l = &lines[fd];
    finished++;
    if (l->state == DONE && l->count == expected) whole++;
    if (started < wanted && again) { ask(fd); return; }
    close(fd);
    if (started < wanted) dial(poller);
}

static int ascending(const void *a, const void *b) {
    double x = *(double *)a, y = *(double *)b;
    return (x > y) - (x < y);
}

static double at(double *values, int count, double part) {
    return count ? values[(int)(part * (count - 1))] : -1;
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    char body[1 << 15];
    FILE *f = fopen(argv[3], "rb");
    size_t size = fread(body, 1, sizeof body, f);
    fclose(f);
    port = atoi(argv[1]);
    int connections = atoi(argv[4]), opened = 0;
    wanted = atoi(argv[5]), expected = atoi(argv[6]) + 1;
    double ramp = atof(argv[7]);
    request_size = sprintf(request, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                           "Content-Length: %zu\r\n\r\n", argv[2], size);
    memcpy(request + request_size, body, size);
    request_size += size;
    first = malloc(sizeof *first * wanted), gaps = malloc(sizeof *gaps * gap_max);
    struct rlimit many = {MAX_FD, MAX_FD};
    setrlimit(RLIMIT_NOFILE, &many);
    int poller = epoll_create1(0);
    struct epoll_event ready[512];
    static char data[1 << 18];
    double began = now();
    while (finished < wanted) {
        while (opened < connections && started < wanted && now() - began >= ramp * opened / connections) {
            dial(poller);
            opened++;
        }
        int count = epoll_wait(poller, ready, 512, opened < connections ? 1 : 1000);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            ssize_t n = recv(fd, data, sizeof data, 0);
            if (n <= 0) { end(fd, 0, poller); continue; }
            double t = now();
            for (ssize_t j = 0; j < n && lines[fd].state != DONE; j++) read_byte(&lines[fd], data[j], t);
            if (lines[fd].state == DONE) end(fd, 1, poller);
        }
    }
    double seconds = (now() - began) / 1e3;
    qsort(first, firsts, sizeof *first, ascending);
    qsort(gaps, gap_count, sizeof *gaps, ascending);
    printf("{\"streams\":%d,\"whole\":%d,\"events\":%ld,\"seconds\":%.4f,\"first_p50\":%.3f,\"first_p99\":%.3f,"
           "\"gap_p99\":%.3f}\n", wanted, whole, events, seconds, at(first, firsts, .5), at(first, firsts, .99),
           at(gaps, gap_count, .99));
    return 0;
}
