/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON, by json-c; the shape is written in docs/operating.md. */
#ifndef SMV_JSON_H
#define SMV_JSON_H

#include <json-c/json.h>
#include "backend.h"
#include "space.h"

void smv_json_text(struct json_object *object, const char *key, const char *text); /* NULL: null */
void smv_json_number(struct json_object *object, const char *key, u64 number);
void smv_json_bool(struct json_object *object, const char *key, bool value);
/* Adds and returns a new object or array. */
struct json_object *smv_json_object(struct json_object *object, const char *key);
struct json_object *smv_json_array(struct json_object *object, const char *key);
/* Appends and returns a new object. */
struct json_object *smv_json_append(struct json_object *array);
/* Prints and frees. */
void smv_json_print(struct json_object *object);

#endif
