/* SPDX-License-Identifier: GPL-2.0-only */
/* What mmu.c, gstage.c and the headers of RISC-V use of the rest of KVM and of the kernel. */
#include <asm/csr.h>
/* Memory begins where the arena does and is mapped where it is: an address is its own physical one. */
struct kernel_mapping kernel_map;
phys_addr_t phys_ram_base = SLAT_ARENA;
/* the same where asm/page.h counts in frames, until 6.3 */
unsigned long riscv_pfn_base = SLAT_ARENA >> PAGE_SHIFT;
#if BITS_PER_LONG == 64
/* A hart has as many levels for the host's own tables. */
bool pgtable_l4_enabled = SLAT_LEVELS > 3, pgtable_l5_enabled = SLAT_LEVELS > 4;
#endif
pgd_t swapper_pg_dir[PTRS_PER_PGD];

/*
 * hgatp: it keeps a mode only where the hart has it, and has those of fewer levels too. What is
 * written of another mode reads as 0, which is one of the values that the manual allows.
 */
static unsigned long hgatp;

static int has_mode(unsigned long mode)
{
	if (BITS_PER_LONG == 32)
		return mode == HGATP_MODE_SV32X4;
	return mode >= HGATP_MODE_SV39X4 && mode <= HGATP_MODE_SV39X4 + SLAT_LEVELS - 3;
}

void slat_csr_write(unsigned long csr, unsigned long value)
{
	if (csr == CSR_HGATP)
		hgatp = has_mode(value >> HGATP_MODE_SHIFT) ? value : 0;
}

unsigned long slat_csr_read(unsigned long csr)
{
	return csr == CSR_HGATP ? hgatp : 0;
}

/* --- requests to flush: tlb.c queues them for every processor that runs the machine --- */
/* Requests for some of the processors, or for another machine, leave others as they were. */
static int for_all(const struct kvm *kvm, unsigned long hbase)
{
	return kvm == &slat.kvm && hbase == -1UL;
}

#ifdef SLAT_HFENCE_VMID
void kvm_riscv_hfence_gvma_vmid_gpa(struct kvm *kvm, unsigned long hbase, unsigned long hmask,
				    gpa_t gpa, gpa_t size, unsigned long order, unsigned long vmid)
{
	(void)hmask;
	if (for_all(kvm, hbase) && vmid == slat.kvm.arch.vmid.vmid)
		slat_flush_range(gpa, size, order);
}

void kvm_riscv_hfence_gvma_vmid_all(struct kvm *kvm, unsigned long hbase, unsigned long hmask,
				    unsigned long vmid)
{
	(void)hmask;
	if (for_all(kvm, hbase) && vmid == slat.kvm.arch.vmid.vmid)
		slat_flush_all();
}
#else
/* The number of the machine is looked up when the request is carried out. */
void kvm_riscv_hfence_gvma_vmid_gpa(struct kvm *kvm, unsigned long hbase, unsigned long hmask,
				    gpa_t gpa, gpa_t size, unsigned long order)
{
	(void)hmask;
	if (for_all(kvm, hbase))
		slat_flush_range(gpa, size, order);
}
#endif

/* A processor by itself: nothing that the others know goes away. */
void kvm_riscv_local_hfence_gvma_all(void) { }
void kvm_riscv_local_hfence_gvma_vmid_gpa(unsigned long vmid, gpa_t gpa, gpa_t size, unsigned long order)
{
	(void)vmid;
	(void)gpa;
	(void)size;
	(void)order;
}
unsigned long kvm_riscv_gstage_vmid_bits(void) { return 14; }
