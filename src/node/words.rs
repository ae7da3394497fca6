//! The words of [`names`] as parts of declared objects.

use names::{AccountId, ActivationId, ClusterName, KubernetesVersion, LabelKey, LabelValue, LocalClusterId, Partition};
use names::{ProfileArn, Region, RoleArn, TrustAnchorArn, VpcCniVersion, Word};
use serde::Serializer;

use super::shape::{Known, Reader, Shape, text_of};
use super::tree::Tree;
use super::yaml;

macro_rules! shapes {
    ($($word:ty),+ $(,)?) => { $(
        impl Shape for $word {
            type Draft = Self;

            fn noun() -> String {
                "string".to_owned()
            }

            fn rule() -> String {
                <Self as Word>::rule()
            }

            fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
                let Some(text) = text_of(tree, reader) else { return Known::Faulty };
                match <Self as Word>::parse(text) {
                    Ok(word) => Known::Ready(word),
                    Err(invalid) => {
                        reader.fault(invalid.expected());
                        Known::Faulty
                    }
                }
            }

            fn finish(draft: Self) -> Option<Self> {
                Some(draft)
            }

            fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                yaml::emit_text(Word::as_str(self), serializer)
            }
        }
    )+ };
}

shapes!(
    AccountId,
    ActivationId,
    ClusterName,
    KubernetesVersion,
    LabelKey,
    LabelValue,
    LocalClusterId,
    Partition,
    ProfileArn,
    Region,
    RoleArn,
    TrustAnchorArn,
    VpcCniVersion,
);
