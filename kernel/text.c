// SPDX-License-Identifier: GPL-2.0-only
/*
 * Percent-encoding of arguments and replies (docs/operating.md, "Encoding").
 */
#include <linux/ctype.h>

#include "dev.h"

/* Decodes in place. -EINVAL: a bad escape, or a zero byte. */
int smv_text_decode(char *text)
{
	char *in = text, *out = text;
	u8 byte;

	if (!strcmp(text, "%")) {
		*text = 0;
		return 0;
	}
	while (*in) {
		if (*in != '%') {
			*out++ = *in++;
			continue;
		}
		if (!in[1] || !in[2] || hex2bin(&byte, in + 1, 1) || !byte)
			return -EINVAL;
		*out++ = byte;
		in += 3;
	}
	*out = 0;
	return 0;
}

static bool is_plain(char c)
{
	return isascii(c) && (isalnum(c) || strchr("_.+:@/=,-", c));
}

/* Encodes as much as fits; how many bytes of @text that was. */
size_t smv_text_encode(char *out, size_t size, const char *text)
{
	size_t done;

	if (!*text) {
		strscpy(out, "%", size);
		return 0;
	}
	for (done = 0; text[done]; done++) {
		size_t need = is_plain(text[done]) ? 1 : 3;

		if (size <= need)
			break;
		if (need == 1)
			*out = text[done];
		else
			snprintf(out, 4, "%%%02X", (u8)text[done]);
		out += need;
		size -= need;
	}
	*out = 0;
	return done;
}
