// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON. It promises valid JSON whatever a store holds: texts that are not
 * printable UTF-8 come with "\xNN" in place of the bytes.
 */
#include <stdlib.h>
#include "json.h"
#include "text.h"

void smv_json_text(struct json_object *object, const char *key, const char *text)
{
	char *safe = text ? smv_text_safe(text) : NULL;

	json_object_object_add(object, key, safe ? json_object_new_string(safe) : NULL);
	free(safe);
}

void smv_json_number(struct json_object *object, const char *key, u64 number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

void smv_json_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

struct json_object *smv_json_object(struct json_object *object, const char *key)
{
	struct json_object *new = json_object_new_object();

	json_object_object_add(object, key, new);
	return new;
}

struct json_object *smv_json_array(struct json_object *object, const char *key)
{
	struct json_object *new = json_object_new_array();

	json_object_object_add(object, key, new);
	return new;
}

struct json_object *smv_json_append(struct json_object *array)
{
	struct json_object *new = json_object_new_object();

	json_object_array_add(array, new);
	return new;
}

void smv_json_print(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
