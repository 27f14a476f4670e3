/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_BASE_SANITIZER_H
#define FHIR_BASE_SANITIZER_H

/* 1 where this is built with AddressSanitizer, else 0; gcc says so by a macro, clang by a feature. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

#endif
