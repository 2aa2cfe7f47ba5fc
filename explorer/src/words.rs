//! GS1's vocabulary (CBV 2.0) in plain words.

use crate::language::Language;

/// Business steps: name, English, Chinese.
const STEPS: &[(&str, &str, &str)] = &[
    ("accepting", "Accepted", "验收"),
    ("arriving", "Arrived", "到达"),
    ("assembling", "Assembled", "组装"),
    ("collecting", "Collected", "收取"),
    ("commissioning", "Given its identity", "赋码"),
    ("consigning", "Consigned", "托运"),
    ("creating_class_instance", "Batch made", "生产批次"),
    ("cycle_counting", "Counted", "盘点"),
    ("decommissioning", "Identity ended", "注销编码"),
    ("departing", "Departed", "离开"),
    ("destroying", "Destroyed", "销毁"),
    ("disassembling", "Taken apart", "拆解"),
    ("dispensing", "Dispensed", "发放"),
    ("encoding", "Code written", "写码"),
    ("entering_exiting", "Passed a gate", "进出"),
    ("holding", "Held back", "扣留"),
    ("inspecting", "Inspected", "检验"),
    ("installing", "Installed", "安装"),
    ("killing", "Tag switched off", "停用标签"),
    ("loading", "Loaded", "装载"),
    ("other", "Something else", "其他"),
    ("packing", "Packed", "包装"),
    ("picking", "Picked", "拣货"),
    ("receiving", "Received", "收货"),
    ("removing", "Removed", "移除"),
    ("repackaging", "Repackaged", "重新包装"),
    ("repairing", "Repaired", "维修"),
    ("replacing", "Replaced", "更换"),
    ("reserving", "Reserved", "预留"),
    ("retail_selling", "Sold", "零售"),
    ("sampling", "Sampled", "抽样"),
    ("sensor_reporting", "Measured", "传感测量"),
    ("shipping", "Shipped", "发货"),
    ("staging_outbound", "Made ready to leave", "待发"),
    ("stock_taking", "Stock taken", "库存盘点"),
    ("stocking", "Put on the shelf", "上架"),
    ("storing", "Stored", "入库"),
    ("transporting", "Transported", "运输"),
    ("unloading", "Unloaded", "卸载"),
    ("unpacking", "Unpacked", "拆包"),
    ("void_shipping", "Shipping cancelled", "取消发货"),
];

/// Dispositions: name, English, Chinese.
const STATES: &[(&str, &str, &str)] = &[
    ("active", "active", "有效"),
    ("available", "available", "可用"),
    ("completeness_verified", "found complete", "已核实完整"),
    ("completeness_inferred", "taken to be complete", "推定完整"),
    ("conformant", "conforms", "合格"),
    ("container_closed", "container closed", "容器已封闭"),
    ("container_open", "container open", "容器已打开"),
    ("damaged", "damaged", "损坏"),
    ("destroyed", "destroyed", "已销毁"),
    ("dispensed", "dispensed", "已发放"),
    ("disposed", "disposed of", "已处置"),
    ("encoded", "code written", "已写码"),
    ("expired", "expired", "过期"),
    ("in_progress", "in progress", "进行中"),
    ("in_transit", "on its way", "运输中"),
    ("inactive", "inactive", "无效"),
    ("mismatch_instance", "wrong item", "物品不符"),
    ("mismatch_class", "wrong kind of item", "品类不符"),
    ("mismatch_quantity", "wrong quantity", "数量不符"),
    ("needs_replacement", "needs replacement", "需更换"),
    ("no_pedigree_match", "history does not match", "来历不符"),
    ("non_conformant", "does not conform", "不合格"),
    ("non_sellable_other", "not for sale", "不可销售"),
    ("partially_dispensed", "partly dispensed", "部分发放"),
    ("recalled", "recalled", "已召回"),
    ("reserved", "reserved", "已预留"),
    ("retail_sold", "sold", "已售出"),
    ("returned", "returned", "已退回"),
    ("sellable_accessible", "for sale", "可销售"),
    ("sellable_not_accessible", "for sale, in the store room", "可销售（库内）"),
    ("stolen", "stolen", "被盗"),
    ("unavailable", "not available", "不可用"),
    ("unknown", "unknown", "未知"),
];

/// The last part of a vocabulary value: `shipping` of `shipping`,
/// `https://ref.gs1.org/cbv/BizStep-shipping` and `urn:epcglobal:cbv:bizstep:shipping`.
#[must_use]
pub fn bare(value: &str) -> &str {
    for prefix in [
        "https://ref.gs1.org/cbv/BizStep-",
        "https://ref.gs1.org/cbv/Disp-",
        "urn:epcglobal:cbv:bizstep:",
        "urn:epcglobal:cbv:disp:",
    ] {
        if let Some(rest) = value.strip_prefix(prefix) {
            return rest;
        }
    }
    value
}

fn look_up(table: &[(&str, &str, &str)], value: &str, language: Language) -> String {
    let name = bare(value);
    match table.iter().find(|row| row.0 == name) {
        Some(row) => language.pick(row.1, row.2).to_owned(),
        None => name.to_owned(),
    }
}

/// A business step in plain words; one that is not GS1's own stays as it is.
#[must_use]
pub fn step(value: &str, language: Language) -> String {
    look_up(STEPS, value, language)
}

/// A disposition in plain words; one that is not GS1's own stays as it is.
#[must_use]
pub fn state(value: &str, language: Language) -> String {
    look_up(STATES, value, language)
}

/// What an event without a business step says happened, from its type and action.
#[must_use]
pub fn happening(event_type: &str, action: &str, language: Language) -> &'static str {
    let (english, chinese) = match (event_type, action) {
        ("ObjectEvent", "ADD") => ("Began to exist", "产生"),
        ("ObjectEvent", "DELETE") => ("Ceased to exist", "终止"),
        ("ObjectEvent", _) => ("Seen", "观察到"),
        ("AggregationEvent", "ADD") => ("Packed together", "装入"),
        ("AggregationEvent", "DELETE") => ("Unpacked", "取出"),
        ("AggregationEvent", _) => ("Seen packed together", "观察到装载"),
        ("AssociationEvent", "ADD") => ("Attached", "关联"),
        ("AssociationEvent", "DELETE") => ("Detached", "解除关联"),
        ("AssociationEvent", _) => ("Seen attached", "观察到关联"),
        ("TransactionEvent", "ADD") => ("Linked to a business document", "关联业务单据"),
        ("TransactionEvent", "DELETE") => ("Unlinked from a business document", "解除业务单据"),
        ("TransactionEvent", _) => ("Seen with a business document", "业务单据在案"),
        ("TransformationEvent", _) => ("Made into something else", "加工转化"),
        _ => ("Recorded", "已记录"),
    };
    language.pick(english, chinese)
}

/// Months for English dates.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabulary_is_said_plainly_in_every_spelling() {
        for spelling in [
            "shipping",
            "https://ref.gs1.org/cbv/BizStep-shipping",
            "urn:epcglobal:cbv:bizstep:shipping",
        ] {
            assert_eq!(step(spelling, Language::English), "Shipped");
            assert_eq!(step(spelling, Language::Chinese), "发货");
        }
        assert_eq!(step("https://ns.example/steps/dyeing", Language::English), {
            "https://ns.example/steps/dyeing"
        });
        assert_eq!(state("in_transit", Language::English), "on its way");
        assert_eq!(happening("AggregationEvent", "ADD", Language::Chinese), "装入");
    }
}
