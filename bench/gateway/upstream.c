/* An upstream that is several times faster than any gateway, and says what the path asks for.

   upstream PORT FOLDER

   POST /file/NAME         the whole file FOLDER/NAME as JSON
   POST /sse/EVENTS/PAUSE  EVENTS chunks of a chat, PAUSE milliseconds apart (0: all in one write), then [DONE]

   One thread, epoll, keep-alive; requests must have a Content-Length; one request at a time on a connection. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 16384
#define REQUEST (1 << 16)
#define TICK 5 /* milliseconds between two looks at paced streams */

struct line {
    char *request;
    size_t have, out_at, out_size;
    const char *out;
    int events, pause;
    long long due;
};

static struct line lines[MAX_FD];
static int paced[MAX_FD], paced_count;
static struct { char name[64]; char *data; size_t size; } answers[64];
static int answer_count;
static const char *folder;
static int poller;

static const char EVENT[] =
    "data: {\"id\":\"chatcmpl-abc123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
    "\"system_fingerprint\":\"fp_1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,"
    "\"finish_reason\":null}],\"usage\":null}\n\n";
static const char LAST[] =
    "data: {\"id\":\"chatcmpl-abc123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char END[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

static char event_chunk[1024], last_chunk[1024];
static size_t event_size, last_size;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void watch(int fd, int events, int how) {
    struct epoll_event e = {.events = events, .data.fd = fd};
    epoll_ctl(poller, how, fd, &e);
}

static void forget_paced(int fd) {
    for (int i = 0; i < paced_count; i++)
        if (paced[i] == fd) { paced[i] = paced[--paced_count]; return; }
}

static void hang_up(int fd) {
    if (lines[fd].pause) forget_paced(fd);
    free(lines[fd].request);
    memset(&lines[fd], 0, sizeof lines[fd]);
    close(fd);
}

static void flush_line(int fd) {
    struct line *l = &lines[fd];
    while (l->out_at < l->out_size) {
        ssize_t n = send(fd, l->out + l->out_at, l->out_size - l->out_at, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            else hang_up(fd);
            return;
        }
        l->out_at += n;
    }
}

static void say(int fd, const char *data, size_t size) {
    lines[fd].out = data, lines[fd].out_at = 0, lines[fd].out_size = size;
    flush_line(fd);
}

/* The bytes of an answer are made once and kept for good. */
static int remembered(const char *name) {
    for (int i = 0; i < answer_count; i++)
        if (!strcmp(answers[i].name, name)) return i;
    return -1;
}

static int remember(const char *name, char *data, size_t size) {
    snprintf(answers[answer_count].name, sizeof answers[0].name, "%s", name);
    answers[answer_count].data = data, answers[answer_count].size = size;
    return answer_count++;
}

static int file_answer(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) { perror(path); exit(1); }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *data = malloc(size + 256);
    int head = sprintf(data, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %ld\r\n"
                       "x-request-id: req_0123456789\r\nopenai-processing-ms: 12\r\n\r\n", size);
    if (fread(data + head, 1, size, f) != (size_t)size) exit(1);
    fclose(f);
    return remember(name, data, head + size);
}

static int burst_answer(const char *name, int events) {
    char *data = malloc(sizeof HEAD + events * event_size + last_size + sizeof END), *at = data;
    at = mempcpy(at, HEAD, sizeof HEAD - 1);
    for (int i = 1; i < events; i++) at = mempcpy(at, event_chunk, event_size);
    at = mempcpy(at, last_chunk, last_size);
    at = mempcpy(at, END, sizeof END - 1);
    return remember(name, data, at - data);
}

static void answer(int fd, char *path) {
    struct line *l = &lines[fd];
    int events, pause, known = remembered(path);
    if (known < 0 && !strncmp(path, "/file/", 6)) known = remembered(path + 6);
    if (known < 0 && !strncmp(path, "/file/", 6)) known = file_answer(path + 6);
    if (known >= 0) { say(fd, answers[known].data, answers[known].size); return; }
    if (sscanf(path, "/sse/%d/%d", &events, &pause) != 2) { hang_up(fd); return; }
    if (!pause) { known = burst_answer(path, events); say(fd, answers[known].data, answers[known].size); return; }
    l->events = events, l->pause = pause, l->due = now() + pause;
    paced[paced_count++] = fd;
    say(fd, HEAD, sizeof HEAD - 1);
}

static void pace(void) {
    long long t = now();
    for (int i = paced_count - 1; i >= 0; i--) {
        int fd = paced[i];
        struct line *l = &lines[fd];
        if (t < l->due) continue;
        l->due += l->pause;
        if (l->events > 1) { l->events--; say(fd, event_chunk, event_size); }
        else if (l->events == 1) { l->events--; say(fd, last_chunk, last_size); }
        else { l->pause = 0; forget_paced(fd); say(fd, END, sizeof END - 1); }
    }
}

static void receive(int fd) {
    struct line *l = &lines[fd];
    if (!l->request) l->request = malloc(REQUEST + 1);
    ssize_t n = recv(fd, l->request + l->have, REQUEST - l->have, 0);
    if (n <= 0) { if (n == 0 || errno != EAGAIN) hang_up(fd); return; }
    l->have += n;
    l->request[l->have] = 0;
    char *body = strstr(l->request, "\r\n\r\n"), *length = strcasestr(l->request, "\r\ncontent-length:");
    if (!body || !length) return;
    size_t whole = body + 4 - l->request + atol(length + 17);
    if (l->have < whole) return;
    l->have = 0;
    char *path = strchr(l->request, ' ') + 1;
    *strchr(path, ' ') = 0;
    answer(fd, path);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    folder = argv[2];
    event_size = sprintf(event_chunk, "%zx\r\n%s\r\n", sizeof EVENT - 1, EVENT);
    last_size = sprintf(last_chunk, "%zx\r\n%s\r\n", sizeof LAST - 1, LAST);
    int one = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listening, (void *)&here, sizeof here) || listen(listening, 4096)) { perror("listen"); return 1; }
    poller = epoll_create1(0);
    watch(listening, EPOLLIN, EPOLL_CTL_ADD);
    struct epoll_event ready[512];
    for (;;) {
        int count = epoll_wait(poller, ready, 512, paced_count ? TICK : -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd, new;
            if (fd == listening) {
                while ((new = accept4(listening, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    if (new >= MAX_FD) { close(new); continue; }
                    setsockopt(new, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    watch(new, EPOLLIN, EPOLL_CTL_ADD);
                }
                continue;
            }
            if (ready[i].events & EPOLLOUT) { watch(fd, EPOLLIN, EPOLL_CTL_MOD); flush_line(fd); }
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(fd);
        }
        if (paced_count) pace();
    }
}
