/*
 * line PID: prints the level of the GPIO line that a process drives, each time it
 * changes, behind the seconds since the machine started.
 *
 * A line belongs to who requested it. So the process's own handle is borrowed
 * (pidfd_getfd) and the kernel asked through it: GPIO_V2_LINE_GET_VALUES reads the
 * chip's register, whatever the process believes to have set.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The number of the process's descriptor for a GPIO line, or -1. */
static int handle_of(const char *pid)
{
	char folder[64], path[320], target[64];
	snprintf(folder, sizeof folder, "/proc/%s/fd", pid);
	DIR *entries = opendir(folder);
	int found = -1;
	for (struct dirent *entry; entries && found < 0 && (entry = readdir(entries));) {
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		ssize_t length = readlink(path, target, sizeof target - 1);
		target[length < 0 ? 0 : length] = 0;
		if (strstr(target, "gpio-line"))
			found = atoi(entry->d_name);
	}
	if (entries)
		closedir(entries);
	return found;
}

int main(int count, char **arguments)
{
	if (count != 2) {
		fprintf(stderr, "usage: line PID\n");
		return 2;
	}
	int handle = handle_of(arguments[1]);
	if (handle < 0) {
		fprintf(stderr, "line: process %s drives no GPIO line\n", arguments[1]);
		return 1;
	}
	int process = syscall(SYS_pidfd_open, atoi(arguments[1]), 0);
	int line = syscall(SYS_pidfd_getfd, process, handle, 0);
	for (int before = -1;;) {
		struct gpio_v2_line_values values = { .mask = 1 };
		if (ioctl(line, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) < 0) {
			perror("line: the line cannot be read");
			return 1;
		}
		int level = values.bits & 1;
		if (level != before) {
			struct timespec now;
			clock_gettime(CLOCK_BOOTTIME, &now);
			printf("%ld.%02ld %d\n", (long)now.tv_sec, now.tv_nsec / 10000000, level);
			fflush(stdout);
			before = level;
		}
		usleep(20000);
	}
}
