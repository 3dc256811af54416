/* SPDX-License-Identifier: GPL-2.0-only */
/* What mmu.c and the headers of MIPS use of the rest of KVM and of the kernel. */
int kvm_vz_host_tlb_inv(struct kvm_vcpu *vcpu, unsigned long va)
{
	(void)vcpu;
	(void)va;
	return 0;
}

/* How the tree flushes derived mappings: a callback of the virtualisation in use. */
#ifdef SLAT_FLUSH_CALLBACKS
static void flush_all(struct kvm *kvm)
{
	(void)kvm;
	slat.flushed = 1;
}

static void flush_slot(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	(void)slot;
	flush_all(kvm);
}
#endif
static struct kvm_mips_callbacks callbacks = {
#ifdef SLAT_FLUSH_CALLBACKS
	.flush_shadow_all = flush_all,
	.flush_shadow_memslot = flush_slot,
#endif
};
__typeof__(kvm_mips_callbacks) kvm_mips_callbacks = &callbacks;
unsigned long _page_cachable_default = _CACHE_CACHABLE_NONCOHERENT;
pgd_t swapper_pg_dir[PTRS_PER_PGD];
