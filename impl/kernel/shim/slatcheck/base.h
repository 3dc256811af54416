/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What nearly every kernel header gives: types, compiler macros, errors, warnings, locks,
 * barriers, bit operations. Each macro keeps its documented kernel meaning.
 */
#ifndef SLATCHECK_BASE_H
#define SLATCHECK_BASE_H

typedef unsigned char u8, __u8;
typedef unsigned short u16, __u16;
typedef unsigned int u32, __u32;
typedef unsigned long long u64, __u64;
typedef signed char s8, __s8;
typedef short s16, __s16;
typedef int s32, __s32;
typedef long long s64, __s64;
typedef u8 uint8_t;
typedef u16 uint16_t;
typedef u32 uint32_t;
typedef u64 uint64_t;
typedef s64 int64_t;
typedef s32 int32_t;
typedef _Bool bool;
typedef __SIZE_TYPE__ size_t;
typedef long ssize_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef long long loff_t;
typedef unsigned long pgoff_t;
typedef unsigned int gfp_t;
typedef unsigned long ulong;
typedef unsigned int uint;
#ifdef CONFIG_PHYS_ADDR_T_64BIT
typedef u64 phys_addr_t;
#else
typedef u32 phys_addr_t;
#endif
#define true 1
#define false 0
#define NULL ((void *)0)
#define BITS_PER_LONG (__SIZEOF_LONG__ * 8)
#define BITS_PER_LONG_LONG 64

#define __init
#define __exit
#define __initdata
#define __meminitdata
#define __ro_after_init
#define __user
#define __iomem
#define __force
#define __must_check
#define __read_mostly
#define __maybe_unused __attribute__((unused))
#define __used __attribute__((used))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __always_inline inline __attribute__((always_inline))
#define noinline __attribute__((noinline))
#define __attribute_const__ __attribute__((const))
#define __attribute_pure__ __attribute__((pure))
#define __noreturn __attribute__((noreturn))
#define __cold
#define fallthrough __attribute__((fallthrough))
#define asmlinkage
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_GPL(name)
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#ifdef SLAT_PROOF
#define barrier() ((void)0)
#else
#define barrier() __asm__ __volatile__("" : : : "memory")
#endif
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
#define RELOC_HIDE(ptr, off) ((__typeof__(ptr))((unsigned long)(ptr) + (off)))
#define smp_mb() barrier()
#define smp_rmb() barrier()
#define smp_wmb() barrier()
#define mb() barrier()
#define rmb() barrier()
#define wmb() barrier()
#define offsetof(type, member) __builtin_offsetof(type, member)
#define atomic_read(a) ((a)->counter)
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define IS_ERR_VALUE(x) ((unsigned long)(void *)(x) >= (unsigned long)-4095)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK(high, low) ((~0UL << (low)) & (~0UL >> (BITS_PER_LONG - 1 - (high))))
#define PAGE_ALIGN(a) (((a) + PAGE_SIZE - 1) & PAGE_MASK)
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN(x, a) ALIGN_DOWN((x) + ((__typeof__(x))(a) - 1), a)
#define min(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define BUILD_BUG() __builtin_unreachable()
#define BUILD_BUG_ON_ZERO(c) ((int)sizeof(struct { int : -!!(c); }))
#define BUILD_BUG_ON(c) _Static_assert(!(c), #c)

#define EPERM 1
#define EINTR 4
#define EIO 5
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22

/* Warnings and bugs: recorded with the address of the statement; BUG() does not return. */
void slat_warn(void);
__noreturn void slat_bug(void);
#define WARN_ON(c) ({ int __hit = !!(c); if (unlikely(__hit)) slat_warn(); unlikely(__hit); })
#define WARN(c, ...) WARN_ON(c)
#define WARN_ON_ONCE(c) WARN_ON(c)
#define WARN_ONCE(c, ...) WARN_ON(c)
#define VM_WARN_ON(c) WARN_ON(c)
#define BUG() slat_bug()
#define BUG_ON(c) do { if (unlikely(c)) BUG(); } while (0)
#define panic(...) slat_bug()
#define VM_BUG_ON(c) BUG_ON(c)
#define printk(...) ((void)0)
#define pr_debug(...) ((void)0)
#define pr_err(...) ((void)0)
#define lockdep_is_held(lock) ((lock)->held)
#define lockdep_assert_held(lock) WARN_ON(!lockdep_is_held(lock))
#define lockdep_assert_once(c) WARN_ON_ONCE(!(c))

/* Locks: one CPU, so a lock that is held when it is taken would never be given. */
typedef struct { int held; } spinlock_t;
typedef spinlock_t rwlock_t;
typedef spinlock_t raw_spinlock_t;
void slat_lock(spinlock_t *lock);
void slat_unlock(spinlock_t *lock);
#define spin_lock(lock) slat_lock(lock)
#define spin_unlock(lock) slat_unlock(lock)
int slat_trylock(spinlock_t *lock);
int slat_resched_lock(spinlock_t *lock);
#define spin_trylock(lock) slat_trylock(lock)
#define cond_resched_lock(lock) slat_resched_lock(lock)
#define rcu_read_lock() ((void)0)
#define rcu_read_unlock() ((void)0)
#define local_irq_save(flags) ((void)((flags) = 0))
#define local_irq_restore(flags) ((void)(flags))

/* One CPU executes, so a plain exchange is atomic. */
#define cmpxchg(ptr, old, new) ({ \
	__typeof__(ptr) __p = (ptr); \
	__typeof__(*__p) __was = *__p; \
	if (__was == (__typeof__(*__p))(old)) \
		*__p = (__typeof__(*__p))(new); \
	__was; })
#define cmpxchg64(ptr, old, new) cmpxchg(ptr, old, new)

#define __ffs(x) ((unsigned long)__builtin_ctzl(x))
#define __fls(x) ((unsigned long)(BITS_PER_LONG - 1 - __builtin_clzl(x)))
#define ffs(x) __builtin_ffs(x)
#define fls(x) ((x) ? 32 - __builtin_clz(x) : 0)
#define fls64(x) ((x) ? 64 - __builtin_clzll(x) : 0)
#define ilog2(n) (63 - __builtin_clzll(n))

/* Flags of an allocation; only ZERO, COMP and HIGHMEM mean something to heap.c. */
#define __GFP_HIGHMEM 0x1u
#define __GFP_ZERO 0x2u
#define __GFP_COMP 0x4u
#define __GFP_ACCOUNT 0x8u
#define GFP_ATOMIC 0x10u
#define GFP_KERNEL 0x20u
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)

void *memset(void *to, int value, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void memset64(u64 *to, u64 value, size_t words);
struct kmem_cache;
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
void kmem_cache_free(struct kmem_cache *cache, void *object);
void *kvmalloc_array(size_t n, size_t size, gfp_t gfp);
void kvfree(const void *address);

/* Named by structures of asm/kvm_host.h and linux/kvm_types.h that nothing here runs on. */
struct list_head { struct list_head *next, *prev; };
struct mutex { int held; };
typedef s64 ktime_t;
typedef struct { unsigned long bits[1]; } cpumask_t;
typedef struct { int counter; } atomic_t;

struct hrtimer { int armed; };
enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
int hrtimer_cancel(struct hrtimer *timer);
void hrtimer_restart(struct hrtimer *timer);
#define smp_processor_id() 0
#include <asm/compiler.h>
#endif
